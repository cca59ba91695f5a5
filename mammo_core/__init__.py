"""Does everything that Mammo Privacy Explorer does, without its pages. Never imports Streamlit."""

import os

for _variable in ("MLFLOW_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_variable, "true")  # nothing leaves this computer
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

__version__ = "0.3.0.dev0"
