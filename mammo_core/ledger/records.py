"""Where a ledger is kept: records that are only ever added, in MLflow.

Each record is a run of the experiment `privacy-ledger`, its content JSON in tags, so a whole batch of releases is
written by one transaction. Records are read whether MLflow calls them deleted or not. What MLflow's own
clean-up (`mlflow gc`) or the deletion of the database removes for good is lost; gaps in the numbering tell.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from mammo_core.storage.mlflow_store import open_experiment, search_all, store_errors_explained

EXPERIMENT = "privacy-ledger"
_CHUNK = 4000  # characters in a tag; MLflow's servers take 5000 or more
_LATE_MS = 600_000  # a record of another machine may carry a time this much too early


@dataclass(frozen=True)
class LedgerRecord:
    """One line of the ledger.

    Attributes:
        kind: "cohort", "charges", "budget" or "generator".
        made: Seconds since 1970.
        number: How many records there were before it.
        content: JSON-ready values.
    """

    kind: str
    made: float
    number: int
    content: dict[str, Any]


class MlflowRecords:
    """Records that are only ever added, in the MLflow store of this installation. What was read once is not read again."""

    def __init__(self, home: Path) -> None:
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
            found = self._search()
            new = {run.info.run_id: run for run in found if run.info.run_id not in self._known}
            return self._with({run_id: _record(run) for run_id, run in new.items()})

    def add(self, kind: str, title: str, content: dict[str, Any]) -> Sequence[LedgerRecord]:
        """Writes one record after those that were read last; returns all that are known, the oldest first."""
        text = json.dumps(content)
        chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
        with self._reading, store_errors_explained():
            tags = {"kind": kind, "number": str(len(self._known))}
            tags |= {f"content.{index}": chunk for index, chunk in enumerate(chunks)}
            info = self._client.create_run(
                self._experiment_id, start_time=int(time.time() * 1000), tags=tags, run_name=title
            ).info
            self._client.set_terminated(info.run_id)
            record = LedgerRecord(kind, info.start_time / 1000, len(self._known), json.loads(text))
            return self._with({info.run_id: record})

    def _with(self, new: dict[str, LedgerRecord]) -> Sequence[LedgerRecord]:
        """All known records, these included; the very same tuple if there are no new ones."""
        if new:
            self._known |= new
            newest = max(record.made for record in new.values())
            self._newest_ms = max(self._newest_ms, int(newest * 1000))
            self._in_order = tuple(
                sorted(self._known.values(), key=lambda record: (record.made, record.number))
            )
        return self._in_order

    def _search(self) -> list[Run]:
        newer = f"attributes.start_time >= {self._newest_ms - _LATE_MS}"
        return search_all(self._client, self._experiment_id, newer, with_deleted=True)


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
    )
