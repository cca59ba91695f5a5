"""Where things are on this computer: environment variables, each with a default inside the project."""

import os
from pathlib import Path


def home_dir() -> Path:
    """Where features, runs and artefacts are kept: `MAMMO_HOME`, by default `.mammo`."""
    return Path(os.environ.get("MAMMO_HOME", ".mammo")).resolve()


def data_dir() -> Path:
    """Where the app looks for cohorts: `MAMMO_DATA`, by default `data`."""
    return Path(os.environ.get("MAMMO_DATA", "data")).resolve()


def models_dir() -> Path:
    """Where the shipped generators are."""
    return Path(__file__).parents[2] / "models"


DEFAULT_GENERATOR = "cascade"
