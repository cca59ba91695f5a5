"""The MLflow store of this installation: runs, jobs, generators and the ledger are experiments in it.

By default a SQLite file under `MAMMO_HOME`; set `MLFLOW_TRACKING_URI` for a team's server.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import DBAPIError

from mammo_core.errors import StoreError

_PLAIN = re.compile(r"[A-Za-z0-9][\w .-]{0,99}")
_PAGE = 5000  # runs asked for at once
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
    """Opens the MLflow store; returns a client and the id of an experiment in it, made if it is new.

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


def search_all(
    client: MlflowClient,
    experiment_id: str,
    condition: str = "",
    *,
    order_by: Sequence[str] = (),
    limit: int | None = None,
    with_deleted: bool = False,
) -> list[Run]:
    """Finds every run of an experiment that a condition holds for, page after page.

    Args:
        condition: In MLflow's search language; empty for all runs.
        order_by: As MLflow's; by default the newest run comes first.
        limit: The most runs to return; None for all.
    """
    view = ViewType.ALL if with_deleted else ViewType.ACTIVE_ONLY
    found: list[Run] = []
    token: str | None = None
    while True:
        size = _PAGE if limit is None else min(_PAGE, limit - len(found))
        page = client.search_runs(
            [experiment_id], condition, view, size, list(order_by) or None, token
        )
        found += page
        token = page.token
        if not token or len(found) == limit:
            return found


def write_artefact(client: MlflowClient, run_id: str, name: str, content: bytes) -> None:
    """Keeps a file with a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        client.log_artifact(run_id, str(path))


def read_artefact(run: Run, name: str) -> bytes:
    """Reads a file that a run keeps.

    Raises:
        MlflowException, OSError: If there is none.
    """
    address = f"{(run.info.artifact_uri or '').rstrip('/')}/{name}"
    with tempfile.TemporaryDirectory() as folder:
        return Path(download_artifacts(artifact_uri=address, dst_path=folder)).read_bytes()


def metric_name(text: str) -> str:
    """Names a metric after a text: the text itself, or a name made from it where MLflow would refuse it.

    Example:
        >>> metric_name("cbis-ddsm"), metric_name("<b>site</b>")
        ('cbis-ddsm', 'set-cb5c95af')
    """
    if _PLAIN.fullmatch(text) and ".." not in text:
        return text
    return f"set-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


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
