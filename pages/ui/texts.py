"""Words that several pages show."""

import os

from mammo_core.settings import home_dir

GET_DATA = (
    "The page **Data** fetches the paper's data in one step from the public repository **RichardObi/mammo_dp** (about "
    "50 MB; CBIS-DDSM is CC BY 3.0, BCDR has its own terms), and imports mammograms of your own."
)
INTERVALS = (
    "Bands and bars: 95 % interval for **one released model**, joining the sampling of test patients "
    "(bootstrap over patients) and the noise of training (spread over seeds). They do not cover the "
    "choice of the recipe, made on validation data."
)


def mlflow_command() -> str:
    """What opens MLflow's interface on the store of this installation."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home_dir() / 'mlflow.db'}"
    return f'python -m mlflow ui --backend-store-uri "{uri}"'
