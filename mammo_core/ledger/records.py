"""Where a ledger is kept: records that are only ever added, in MLflow.

Each record is a run of the experiment `privacy-ledger`, its content JSON in tags, so a whole batch of releases is
written by one transaction. Records are read whether MLflow calls them deleted or not. What MLflow's own
clean-up (`mlflow gc`) or the deletion of the database removes for good is lost; the links of the others tell, and
the end of the ledger as `MAMMO_HOME` notes it, in a file of its own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from mammo_core.config.from_dict import from_dict
from mammo_core.errors import StoreError
from mammo_core.ledger.chain import LedgerEnd, LedgerRecord, count_missing, end_of
from mammo_core.storage.atomic import disk_errors_explained, write_json
from mammo_core.storage.mlflow_store import open_experiment, search_all, store_errors_explained

EXPERIMENT = "privacy-ledger"
_CHUNK = 4000  # characters in a tag; MLflow's servers take 5000 or more
_LATE_MS = 600_000  # a record of another machine may carry a time this much too early
_END_FILE = "ledger.json"
_NOTHING_BEFORE = "nothing"


class MlflowRecords:
    """Records that are only ever added, in the MLflow store of this installation. What was read once is not read again.

    Attributes:
        num_missing: Records that were deleted or changed.
    """

    def __init__(self, home: Path) -> None:
        self._end = _NotedEnd(home)
        self.num_missing = 0
        self._client, self._experiment_id = open_experiment(home, EXPERIMENT)
        if self._client.get_experiment(self._experiment_id).lifecycle_stage == "deleted":
            self._client.restore_experiment(self._experiment_id)
        self._known: dict[str, LedgerRecord] = {}
        self._in_order: tuple[LedgerRecord, ...] = ()
        self._newest_ms = 0
        self._reading = threading.Lock()

    def read(self) -> Sequence[LedgerRecord]:
        """All records, the oldest first."""
        with self._reading:
            noted = (
                self._end.read()
            )  # before the records: what is written meanwhile is then not missed
            records = self._with(self._search(self._newest_ms - _LATE_MS))
            if count_missing(records, noted) > self.num_missing:  # or one came very late
                records = self._with(self._search(0))
            self.num_missing = count_missing(records, noted)
            return records

    def add(self, kind: str, title: str, content: dict[str, Any]) -> Sequence[LedgerRecord]:
        """Writes one record after those that were read last; returns all that are known, the oldest first.

        The caller keeps other processes that share the home from writing meanwhile.
        """
        text = json.dumps(content)
        chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
        with self._reading, store_errors_explained():
            noted = self._end.read()
            end = end_of(self._in_order, noted)
            tags = {
                "kind": kind,
                "number": str(end.count),
                "previous": ",".join(end.links) or _NOTHING_BEFORE,
            }
            tags |= {f"content.{index}": chunk for index, chunk in enumerate(chunks)}
            run = self._client.create_run(
                self._experiment_id, start_time=int(time.time() * 1000), tags=tags, run_name=title
            )
            self._client.set_terminated(run.info.run_id)
            records = self._with([run])
            self._end.write(end_of(records, noted))
            return records

    def _with(self, found: Sequence[Run]) -> Sequence[LedgerRecord]:
        """All known records, these included; the very same tuple if there are no new ones."""
        new = {run.info.run_id: _record(run) for run in found if run.info.run_id not in self._known}
        if new:
            self._known |= new
            newest = max(record.made for record in new.values())
            self._newest_ms = max(self._newest_ms, int(newest * 1000))
            self._in_order = tuple(
                sorted(self._known.values(), key=lambda record: (record.made, record.number))
            )
        return self._in_order

    def _search(self, since_ms: int) -> list[Run]:
        newer = f"attributes.start_time >= {since_ms}"
        return search_all(self._client, self._experiment_id, newer, with_deleted=True)


class _NotedEnd:
    """The end of a ledger, in a file of the home. Each store that the home was used with has its own."""

    def __init__(self, home: Path) -> None:
        self._path = home / _END_FILE
        uri = os.environ.get("MLFLOW_TRACKING_URI")  # it may hold a password
        self._store = hashlib.sha256(uri.encode()).hexdigest()[:16] if uri else "home"

    def read(self) -> LedgerEnd:
        """Reads the end; that of an empty ledger if none was noted, as up to version 0.2.

        Raises:
            StoreError: If the file is damaged.
        """
        values = self._stores().get(self._store)
        return LedgerEnd() if values is None else from_dict(LedgerEnd, values)

    def write(self, end: LedgerEnd) -> None:
        """Notes the end."""
        write_json(self._path, self._stores() | {self._store: dataclasses.asdict(end)})

    def _stores(self) -> dict[str, Any]:
        with disk_errors_explained(self._path):
            if not self._path.exists():
                return {}
            text = self._path.read_text(encoding="utf-8")
        try:
            stores: dict[str, Any] = json.loads(text)
            for values in stores.values():
                from_dict(LedgerEnd, values)
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreError(
                f"Expected the end of the ledger in {self._path}; got something else ({error}). Get the file back from a "
                "copy. Without it, move it away: releases at the end that were deleted are then not noticed."
            ) from error
        return stores


def _record(run: Run) -> LedgerRecord:
    tags = run.data.tags
    chunks = sorted(
        (int(name.split(".")[1]), text) for name, text in tags.items() if name[:8] == "content."
    )
    return LedgerRecord(
        kind=tags["kind"],
        made=run.info.start_time / 1000,
        number=int(tags["number"]),
        content=json.loads("".join(text for _, text in chunks)),
        previous=_links(tags.get("previous")),
    )


def _links(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return () if text == _NOTHING_BEFORE else tuple(text.split(","))
