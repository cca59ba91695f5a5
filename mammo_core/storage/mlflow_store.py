"""The MLflow store of this installation: runs, jobs, generators and the ledger are experiments in it.

By default a SQLite file under `MAMMO_HOME`; set `MLFLOW_TRACKING_URI` for a team's server.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import DBAPIError

from mammo_core.errors import StoreError

# what SQLite says of the disk, in MLflow's exceptions
_OF_THE_DISK = (
    "disk is full",
    "disk i/o error",
    "readonly database",
    "unable to open database file",
    "database is locked",
    "database disk image is malformed",
    "file is not a database",
)


def open_experiment(home: Path, name: str) -> tuple[MlflowClient, str]:
    """A client of the MLflow store and the id of an experiment in it, made if it is new.

    Raises:
        StoreError: If the store cannot be opened.
    """
    with store_errors_explained():
        home.mkdir(parents=True, exist_ok=True)
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            _require_database(home / "mlflow.db")
        client = MlflowClient(uri or f"sqlite:///{home / 'mlflow.db'}")
        found = client.get_experiment_by_name(name)
        if found:
            return client, found.experiment_id
        artifacts = None if uri else (home / "artifacts").as_uri()
        return client, client.create_experiment(name, artifact_location=artifacts)


@contextmanager
def store_errors_explained() -> Iterator[None]:
    """Turns what the disk refuses inside into a StoreError; other errors of MLflow pass.

    SQLite undoes a write that it could not finish, so the database stays whole.
    """
    try:
        yield
    except OSError as error:
        raise _refused(error.strerror or str(error)) from error
    except (MlflowException, DBAPIError, sqlite3.Error) as error:
        said = str(error).lower()
        found = next((words for words in _OF_THE_DISK if words in said), None)
        if found is None:
            raise
        raise _refused(found) from error


def _require_database(file: Path) -> None:
    """Raises sqlite3.Error at once for a file that MLflow would try again and again to open, for minutes."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("pragma schema_version")


def _refused(said: str) -> StoreError:
    where = os.environ.get("MLFLOW_TRACKING_URI") or "the folder MAMMO_HOME"
    return StoreError(
        f"Expected to keep results in {where}; the disk refused: {said[:200]}. What was kept before is whole. Free some "
        "space, make the folder writable, or set MAMMO_HOME to another one and start again."
    )
