"""The MLflow store of this installation: runs, jobs, generators and the ledger are experiments in it.

By default a SQLite file under `MAMMO_HOME`; set `MLFLOW_TRACKING_URI` for a team's server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
    except (MlflowException, DBAPIError) as error:
        said = str(error).splitlines()[0]
        if not any(words in said.lower() for words in _OF_THE_DISK):
            raise
        raise _refused(said) from error


def _refused(said: str) -> StoreError:
    where = os.environ.get("MLFLOW_TRACKING_URI") or "the folder MAMMO_HOME"
    return StoreError(
        f"Expected to keep results in {where}; the disk refused: {said[:200]}. What was kept before is whole. Free some "
        "space, make the folder writable, or set MAMMO_HOME to another one and start again."
    )
