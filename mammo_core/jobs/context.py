"""Gives a running job a way to report, and to learn that it should stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

import pandas as pd

from mammo_core.jobs.requests import JobRequest
from mammo_core.jobs.store import BEAT_SECONDS, CurvePoint, JobStore, Progress

_CHECK_SECONDS = 0.5
_REPORT_SECONDS = 0.5
_LOG = logging.getLogger(__name__)


class JobStopped(Exception):
    """Someone cancelled the job, or another attempt took over."""


class JobContext:
    """What the work of a job is given: to report with and to be stopped by.

    Args:
        attempt: Name of this start; another one's name in the store ends this one.
    """

    def __init__(self, store: JobStore, job_id: str, attempt: str) -> None:
        self.job_id = job_id
        self._store = store
        self._attempt = attempt
        self._stop = threading.Event()
        self._over = threading.Event()
        self.taken_over = False
        self._started = time.monotonic()
        self._first_done, self._total = 0, -1
        self._points: list[CurvePoint] = []
        self._reported = -_REPORT_SECONDS
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> JobContext:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.join()

    def check(self) -> None:
        """Raises JobStopped if the work should end here."""
        if self._stop.is_set():
            raise JobStopped

    def is_stopping(self) -> bool:
        """Whether the work should end here, for those who end it themselves; `check` raises then."""
        return self._stop.is_set()

    def report(self, done: int, total: int, message: str, epsilon: float | None = None) -> None:
        """Says how far the work is, as often as one likes; raises JobStopped if it should end."""
        self.check()
        now = time.monotonic()
        if total != self._total:  # another part of the work: time is counted anew
            self._total, self._first_done, self._started = total, done, now
        if now - self._reported < _REPORT_SECONDS and done < total:
            return
        self._reported = now
        self._flush()
        advanced = done - self._first_done
        left = (now - self._started) / advanced * (total - done) if advanced else None
        self._store.report(self.job_id, Progress(done, total, message, left, epsilon))

    def note_data(self, data_hash: str) -> None:
        """Says which data the job works on."""
        self._store.note_data(self.job_id, data_hash)

    def replace_request(self, request: JobRequest) -> None:
        """Keeps this instead of what the job was asked to do."""
        self._store.replace_request(self.job_id, request)

    def keep_table(self, name: str, table: pd.DataFrame) -> None:
        """Keeps a table with the job, in place of an earlier one of this name."""
        self._store.keep_table(self.job_id, name, table)

    def add_point(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each named curve; written with the next report."""
        self._points.append(CurvePoint(step, int(time.time() * 1000), values))

    def _flush(self) -> None:
        if self._points:
            self._store.add_points(self.job_id, self._points)
            self._points = []

    def _listen(self) -> None:
        """Beats, and checks whether to stop, until the work is over."""
        beaten = time.monotonic()
        while not self._over.wait(_CHECK_SECONDS):
            try:
                view = self._store.view(self.job_id)
                self.taken_over = view.attempt != self._attempt
                if self.taken_over or view.cancel_requested:
                    self._stop.set()
                if not self.taken_over and time.monotonic() - beaten >= BEAT_SECONDS:
                    self._store.beat(self.job_id)
                    beaten = time.monotonic()
            except Exception:  # a busy database must not stop the heart: it is tried again
                _LOG.warning("job %s could not reach the run store", self.job_id, exc_info=True)
