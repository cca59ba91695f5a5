"""Fresh MLflow stores from a template: their 54 migrations run once, not once for every test."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from unittest import mock

import sqlalchemy
from mlflow.store.db import utils
from sqlalchemy.engine import Engine


def make_template(file: Path) -> Path:
    """Writes an empty store as MLflow makes it; returns its file."""
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    utils._initialize_tables(engine)
    engine.dispose()
    return file


def copy_template(template: Path, home: Path) -> None:
    """Puts an empty store into a home, for a process that the test starts."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "mlflow.db").write_bytes(template.read_bytes())


@contextmanager
def stores_from(template: Path) -> Iterator[None]:
    """Inside, stores of this process begin as copies and do not wait for the disk."""
    initialise = utils._initialize_tables
    latest_revision = lru_cache(maxsize=1)(utils._get_latest_schema_revision)

    def copy(engine):
        file = engine.url.database
        if engine.dialect.name != "sqlite" or not utils._is_empty_database(engine):
            return initialise(engine)
        with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(file)) as target:
            source.backup(target)

    sqlalchemy.event.listen(Engine, "connect", _do_not_wait_for_the_disk)
    with (
        mock.patch.object(utils, "_initialize_tables", copy),
        mock.patch.object(utils, "_get_latest_schema_revision", latest_revision),
    ):
        yield
    sqlalchemy.event.remove(Engine, "connect", _do_not_wait_for_the_disk)


def _do_not_wait_for_the_disk(connection, _record):
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")
