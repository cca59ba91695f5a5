"""The core of Mammo Privacy Explorer: everything the app does, without the app. Never imports Streamlit."""

import os

for _variable in ("MLFLOW_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_variable, "true")  # nothing leaves this computer
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

__version__ = "0.2.0"
