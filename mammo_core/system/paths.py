"""Finds what ships with the program and where this computer keeps its data: a checkout or an installed package."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

import platformdirs

from mammo_core.errors import InvalidRequestError, StoreError

DEFAULT_GENERATOR = "flow_gan"
_PACKAGE = Path(str(files("mammo_core"))).resolve()
_INSTALLED_APP = _PACKAGE / "_app"  # where a wheel carries app.py, pages, models and .streamlit


def app_dir() -> Path:
    """Returns the folder that holds app.py, pages and models: of the checkout, or inside the installed package."""
    return _INSTALLED_APP if _is_installed() else _PACKAGE.parent


def models_dir() -> Path:
    """Returns the folder of the shipped generators and heads."""
    return app_dir() / "models"


def home_dir() -> Path:
    """Returns the folder of features, runs and artefacts: `MAMMO_HOME`.

    By default `.mammo` in a checkout, and the user's data folder of this platform where the package is installed.
    """
    if chosen := os.environ.get("MAMMO_HOME"):
        return _resolved(chosen)
    if _is_installed():
        return platformdirs.user_data_path("mammo-privacy-explorer", appauthor=False)
    return app_dir() / ".mammo"


def data_dir() -> Path:
    """Returns the folder of the cohorts: `MAMMO_DATA`, by default `data` in a checkout, else in `home_dir()`."""
    if chosen := os.environ.get("MAMMO_DATA"):
        return _resolved(chosen)
    return (home_dir() if _is_installed() else app_dir()) / "data"


def state_dir() -> Path:
    """Returns the folder of what is remembered of this user, whatever `MAMMO_HOME`: in `XDG_STATE_HOME`.

    Raises:
        StoreError: If the system knows no home folder.
    """
    folder = platformdirs.user_state_path("mammo-privacy-explorer", appauthor=False)
    if not folder.is_absolute():  # ~ could not be replaced
        raise StoreError(
            "Expected a folder to remember this user's stores in; there is no home folder. Set HOME or XDG_STATE_HOME."
        )
    return folder


def require_home_folder() -> None:
    """Makes sure that this user has a home folder, without which MLflow and Streamlit do not start.

    Raises:
        InvalidRequestError: If the system knows none.
    """
    try:
        Path.home()
    except RuntimeError as error:
        raise InvalidRequestError(
            "Expected a home folder; HOME is not set, and the system's list of users does not name one for "
            "you. Set HOME to a folder that you may write into."
        ) from error


def child_environment(**changes: str) -> dict[str, str]:
    """Returns this process' environment for a Python child that must import what this process can import.

    The working folder is left out: a folder in it could have the name of a module.

    Args:
        changes: Further variables.
    """
    here = Path.cwd()
    others = [place for place in sys.path if place and Path(place).resolve() != here]
    places = os.pathsep.join([str(_PACKAGE.parent), *others])
    return {**os.environ, "PYTHONPATH": places, "PYTHONSAFEPATH": "1", **changes}


def _is_installed() -> bool:
    return _INSTALLED_APP.is_dir()


def _resolved(chosen: str) -> Path:
    try:
        return Path(chosen).expanduser().resolve()
    except RuntimeError as error:
        raise InvalidRequestError(
            f"Expected a folder whose ~ stands for a home folder; got {chosen!r} in MAMMO_HOME or MAMMO_DATA, and the system "
            "knows no such home folder. Write the whole path."
        ) from error
