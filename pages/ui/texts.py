"""Words that several pages show."""

import os

from mammo_core.settings import home_dir

GET_DATA = (
    "Download the public repository **RichardObi/mammo_dp** (about 25 MB, code Apache-2.0; images from "
    "CBIS-DDSM, CC BY 3.0, and from BCDR under its own terms), unpack it into the folder `data`, and "
    "reload this page. Data elsewhere: start the app with `MAMMO_DATA=/path/to/folder`."
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
