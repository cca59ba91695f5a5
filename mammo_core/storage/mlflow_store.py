"""The MLflow store of this installation: runs, jobs, generators and the ledger are experiments in it.

By default a SQLite file under `MAMMO_HOME`; set `MLFLOW_TRACKING_URI` for a team's server. MLflow writes down the
absolute place of each run's files. In `MAMMO_HOME` they are looked for where it is now, so that it can be moved.
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
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import FileInfo, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.file_utils import local_file_uri_to_path
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from mammo_core.errors import StoreError

_PLAIN = re.compile(r"[A-Za-z0-9][\w .-]{0,99}")
_DATABASE = "mlflow.db"
_ARTEFACTS = "artifacts"
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


def database_address(home: Path) -> str:
    """Returns the tracking URI of the store in a home; letters such as % and ? in its path are quoted.

    It names the driver, because MLflow takes what follows a bare `sqlite:///` for a path and makes its folder.
    """
    return URL.create("sqlite+pysqlite", database=str(home / _DATABASE)).render_as_string()


def open_experiment(home: Path, name: str) -> tuple[MlflowClient, str]:
    """Opens the MLflow store; returns a client and the id of an experiment in it, made if it is new.

    Raises:
        StoreError: If the store cannot be opened.
    """
    with store_errors_explained():
        home.mkdir(parents=True, exist_ok=True)
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            _require_database(home / _DATABASE)
        client = MlflowClient(uri) if uri else _HomeClient(home)
        found = client.get_experiment_by_name(name)
        if found:
            return client, found.experiment_id
        artifacts = None if uri else (home / _ARTEFACTS).as_uri()
        return client, client.create_experiment(name, artifact_location=artifacts)


class _HomeClient(MlflowClient):
    """MLflow's client of the store in a home. It keeps and finds files of runs there, wherever the home was moved to."""

    def __init__(self, home: Path) -> None:
        super().__init__(database_address(home))
        self._database = home / _DATABASE
        self._artefacts = home / _ARTEFACTS

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: dict[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Makes a run; MLflow's own tools find its files by the place that it is given here."""
        here = self._artefacts.as_uri()
        named = self.get_experiment(experiment_id).artifact_location
        if named != here and re.fullmatch(rf"file:.*/{_ARTEFACTS}", named):
            with closing(sqlite3.connect(self._database)) as database, database:
                moved = "update experiments set artifact_location = ? where experiment_id = ?"
                database.execute(moved, [here, experiment_id])
        return super().create_run(experiment_id, start_time, tags, run_name)

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        """Keeps a file with a run; `log_text` and `log_image` call this."""
        self._files_of(run_id, is_new=True).log_artifact(local_path, artifact_path)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Lists the files of a run."""
        return self._files_of(run_id).list_artifacts(path)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """Copies a file of a run into a folder; returns where."""
        return self._files_of(run_id).download_artifacts(path, dst_path)

    def _files_of(self, run_id: str, *, is_new: bool = False) -> ArtifactRepository:
        """Opens the files of a run: in this home, whatever home its address names.

        Up to version 0.1.0 a moved home left the files of new runs in the old place. They are still read there.
        """
        named = self.get_run(run_id).info.artifact_uri or ""
        if not re.fullmatch(rf"file:.*/{_ARTEFACTS}/{run_id}/artifacts", named):
            return get_artifact_repository(named)
        here = self._artefacts / run_id / "artifacts"
        left = local_file_uri_to_path(named)
        is_left = not here.is_dir() and os.path.isdir(left)  # noqa: PTH112 # Path raises where it may not look
        return get_artifact_repository(named if is_left and not is_new else here.as_uri())


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


def read_artefact(client: MlflowClient, run_id: str, name: str) -> bytes:
    """Reads a file that a run keeps.

    Raises:
        MlflowException, OSError: If there is none.
    """
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, name, folder)).read_bytes()


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
