"""Jobs in MLflow: what was asked, how far it is, how it ended. Every process sees the same.

A job is a run of the experiment `jobs`. Whoever holds it, the engine while it waits and a worker while it
runs, writes a heartbeat; a job that is not ended and whose heartbeat has stopped is interrupted, whatever
MLflow's status says. Each start is an attempt with a name of its own: an attempt that finds another one's
name in the store gives way, so a job never goes on twice.
"""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from mlflow.entities import FileInfo, Metric, Run
from mlflow.exceptions import MlflowException

from mammo_core.errors import InvalidRequestError
from mammo_core.jobs.requests import JobRequest, request_from_dict
from mammo_core.storage.mlflow_store import (
    open_experiment,
    read_artefact,
    search_all,
    store_errors_explained,
)
from mammo_core.text.untrusted import single_line

EXPERIMENT = "jobs"
BEAT_SECONDS = 2.0
SILENT_SECONDS = 12.0  # a heartbeat older than this has stopped; starting a worker anew takes less
JobState = Literal["queued", "running", "finished", "cancelled", "failed", "interrupted"]
_STATE_OF_STATUS: dict[str, JobState] = {
    "SCHEDULED": "queued",
    "RUNNING": "running",
    "FINISHED": "finished",
    "KILLED": "cancelled",
    "FAILED": "failed",
}
_LISTED = 200


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        done, total: In steps of the job's own choice; total 0 while unknown.
        message: What it is doing.
        seconds_left: None while unknown.
        epsilon: Spent so far by the run in training; None if it spends none.
    """

    done: int = 0
    total: int = 0
    message: str = ""
    seconds_left: float | None = None
    epsilon: float | None = None


@dataclass(frozen=True)
class JobView:
    """A job as it is now.

    Attributes:
        owner: Whose it is, see `engine`; jobs of different owners take turns.
        attempt: Name of the newest start.
        priority: Higher runs first.
        created: When it was first asked for, in seconds since 1970.
        submitted, started: The same of the newest start; started is None while it waits.
        data_hash: Of the data it works on; empty until it has read them.
        error: Why it failed, fit to be shown.
    """

    id: str
    request: JobRequest
    owner: str
    state: JobState
    attempt: str
    priority: int
    created: float
    submitted: float
    started: float | None
    progress: Progress
    cancel_requested: bool
    data_hash: str
    error: str

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more unless someone continues it."""
        return self.state not in ("queued", "running")


@dataclass(frozen=True)
class CurvePoint:
    """Values of named curves at one step, taken at a time (since 1970)."""

    step: int
    milliseconds: int
    values: Mapping[str, float]


class JobStore:
    """The jobs of one MLflow store."""

    def __init__(self, home: Path) -> None:
        self._client, self._experiment_id = open_experiment(home, EXPERIMENT)

    def add(self, request: JobRequest, owner: str, priority: int) -> JobView:
        """A new job, queued."""
        tags = {
            "owner": owner,
            "request": json.dumps(request.to_dict()),
        } | _attempt_tags(priority)
        with store_errors_explained():
            run = self._client.create_run(
                self._experiment_id, run_name=single_line(request.title), tags=tags
            )
            self._client.update_run(run.info.run_id, status="SCHEDULED")
        return self.view(run.info.run_id)

    def queue_again(self, job_id: str, priority: int) -> JobView:
        """A new attempt at a job that ended or was interrupted; what it kept is kept."""
        for key, value in _attempt_tags(priority).items():
            self._client.set_tag(job_id, key, value)
        self._client.update_run(job_id, status="SCHEDULED")
        return self.view(job_id)

    def view(self, job_id: str) -> JobView:
        """A job as it is now.

        Raises:
            InvalidRequestError: If there is none of this id.
        """
        try:
            return _view(self._client.get_run(job_id))
        except MlflowException as error:
            raise InvalidRequestError(
                f"Expected the id of a job in this store; got {job_id!r}. Choose one from the list."
            ) from error

    def views(self) -> list[JobView]:
        """All jobs that this version can read, the newest first."""
        newest_first = ["attributes.start_time DESC"]
        runs = search_all(self._client, self._experiment_id, order_by=newest_first, limit=_LISTED)
        return [view for run in runs if (view := _readable(run)) is not None]

    def beat(self, job_id: str) -> None:
        """Says that someone holds this job."""
        self._client.set_tag(job_id, "heartbeat", f"{time.time():.3f}")

    def begin(self, job_id: str) -> None:
        """Marks the job as running."""
        self.beat(job_id)
        self._client.set_tag(job_id, "started", f"{time.time():.3f}")
        self._client.update_run(job_id, status="RUNNING")

    def report(self, job_id: str, progress: Progress) -> None:
        """Writes how far the job is."""
        self._client.set_tag(job_id, "progress", json.dumps(progress.__dict__))

    def replace_request(self, job_id: str, request: JobRequest) -> None:
        """Forgets what the job was asked to do, and keeps this instead."""
        self._client.set_tag(job_id, "request", json.dumps(request.to_dict()))

    def note_data(self, job_id: str, data_hash: str) -> None:
        """Says which data the job works on; `RunArchive` finds its runs by it."""
        self._client.set_tag(job_id, "data_hash", data_hash)

    def add_points(self, job_id: str, points: Sequence[CurvePoint]) -> None:
        """Writes points of curves."""
        metrics = [
            Metric(name, value, point.milliseconds, point.step)
            for point in points
            for name, value in point.values.items()
        ]
        self._client.log_batch(job_id, metrics=metrics)

    def curve(self, job_id: str, name: str) -> list[tuple[int, float]]:
        """A curve's points (step, value), in order, of the newest run in training."""
        points = sorted(
            self._client.get_metric_history(job_id, name),
            key=lambda point: (point.timestamp, point.step),
        )
        newest: list[tuple[int, float]] = []
        for point in points:
            if newest and point.step <= newest[-1][0]:
                newest = []  # the next run begins at its first step again
            newest.append((point.step, point.value))
        return newest

    def keep_table(self, job_id: str, name: str, table: pd.DataFrame) -> None:
        """Keeps a table with the job as NAME.csv, in place of an earlier one of this name."""
        self._client.log_text(job_id, table.to_csv(index=False), f"{name}.csv")

    def tables(self, job_id: str) -> dict[str, pd.DataFrame]:
        """All tables that a job keeps, by name."""
        kept: list[FileInfo] = self._client.list_artifacts(job_id)  # pyright: ignore[reportUnknownMemberType] # MLflow types it as a list of anything
        names = [item.path for item in kept]
        return {
            name.removesuffix(".csv"): pd.read_csv(
                io.BytesIO(read_artefact(self._client, job_id, name))
            )
            for name in names
            if name.endswith(".csv")
        }

    def request_cancel(self, job_id: str) -> None:
        """Asks the worker to stop; it checks twice a second."""
        self._client.set_tag(job_id, "cancel", "requested")

    def end(self, job_id: str, state: JobState, error: str = "") -> None:
        """Marks the job as finished, cancelled or failed."""
        status = next(key for key, value in _STATE_OF_STATUS.items() if value == state)
        self._client.set_tag(job_id, "error", error[:4000])
        self._client.set_terminated(job_id, status=status)

    def delete(self, job_id: str) -> None:
        """Takes a job off the list; the runs it made stay."""
        self._client.delete_run(job_id)


def _attempt_tags(priority: int) -> dict[str, str]:
    return {
        "attempt": uuid.uuid4().hex[:12],
        "priority": str(priority),
        "heartbeat": f"{time.time():.3f}",
        "submitted": f"{time.time():.3f}",
        "started": "",
        "cancel": "",
        "error": "",
        "progress": "{}",
    }


def _readable(run: Run) -> JobView | None:
    """A job as a view; None if another version of the program made it."""
    try:
        return _view(run)
    except InvalidRequestError:
        return None


def _view(run: Run) -> JobView:
    tags: dict[str, Any] = run.data.tags
    state = _STATE_OF_STATUS[run.info.status]
    silent = time.time() - float(tags["heartbeat"]) > SILENT_SECONDS
    if state in ("queued", "running") and silent:
        state = "interrupted"
    return JobView(
        id=run.info.run_id,
        request=request_from_dict(json.loads(tags["request"])),
        owner=tags["owner"],
        state=state,
        attempt=tags["attempt"],
        priority=int(tags["priority"]),
        created=run.info.start_time / 1000,
        submitted=float(tags["submitted"]),
        started=float(tags["started"]) if tags["started"] else None,
        progress=Progress(**json.loads(tags["progress"])),
        cancel_requested=bool(tags["cancel"]),
        data_hash=tags.get("data_hash", ""),
        error=tags["error"],
    )
