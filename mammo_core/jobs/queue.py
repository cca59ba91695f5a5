"""Runs jobs elsewhere and keeps an eye on them.

The queue is the executor's: Dask's by default (`dask_executor`), which also turns to another worker when
one dies. Code here speaks `concurrent.futures.Executor`. Fairness: a job of someone who has n jobs under
way gets priority -n, so owners take turns whoever came first.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from mammo_core.errors import InvalidRequestError, MammoError
from mammo_core.jobs.requests import JobRequest
from mammo_core.jobs.store import BEAT_SECONDS, JobStore, JobView
from mammo_core.jobs.worker import run_job

if TYPE_CHECKING:
    from mammo_core.jobs.dask_executor import DaskExecutors

_CLOSE_SECONDS = 2.0  # that each thread is waited for
_LOG = logging.getLogger(__name__)


class JobQueue:
    """Starts, continues and cancels jobs, and holds those that wait.

    Args:
        home: Of the installation; jobs are kept in its MLflow store.
        executors: Where they run.
    """

    def __init__(self, home: Path, executors: DaskExecutors) -> None:
        self.store = JobStore(home)
        self._home = home
        self._executors = executors
        self._held: dict[str, Future[str] | None] = {}  # None until it is submitted
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._to_do: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # daemons: a server that is told to stop waits for no cluster that is still starting
        self._threads = [
            threading.Thread(target=work, daemon=True, name=name)
            for name, work in (("keep jobs", self._keep), ("submit jobs", self._submit_all))
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    def prepare(self) -> None:
        """Opens the executor in the background, so that the first job need not wait for it."""
        if not self._executors.is_alive():
            self._to_do.put(self._open_quietly)

    def start(self, request: JobRequest, owner: str) -> JobView:
        """Queues a new job; returns at once."""
        with self._lock:
            view = self.store.add(request, owner, self._next_priority(owner))
        self._hand_over(view)
        return view

    def resume(self, job_id: str) -> JobView:
        """Goes on with a job that was interrupted, cancelled or failed; what it kept is kept.

        Raises:
            InvalidRequestError: If it is under way or finished, or unknown.
        """
        with self._lock:
            view = self.store.view(job_id)
            if not view.is_over or view.state == "finished":
                raise InvalidRequestError(
                    f"Expected a job that was interrupted, cancelled or failed; this one is "
                    f"{view.state}. Nothing was changed."
                )
            view = self.store.queue_again(job_id, self._next_priority(view.owner))
        self._hand_over(view)
        return view

    def cancel(self, job_id: str) -> None:
        """Stops a job, at once if it waits, else within two seconds; it keeps what it has."""
        view = self.store.view(job_id)
        if view.state in ("finished", "failed", "cancelled"):
            return
        self.store.request_cancel(job_id)
        if view.state == "running":
            return
        future = self._held.pop(job_id, None)
        if future is not None:
            future.cancel()
        self.store.end(job_id, "cancelled")

    def place(self, view: JobView) -> int:
        """How many jobs are before a waiting one, those running included."""
        mine = (-view.priority, view.submitted)
        return sum(
            other.state == "running"
            or (other.state == "queued" and (-other.priority, other.submitted) < mine)
            for other in self.store.views()
            if other.id != view.id
        )

    def close(self) -> None:
        """Lets go of everything, within seconds; what runs is interrupted and can be continued later."""
        atexit.unregister(self.close)
        self._closed.set()
        self._to_do.put(lambda: None)  # so that the thread looks up
        self._executors.close()
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)

    def _next_priority(self, owner: str) -> int:
        return -sum(not job.is_over and job.owner == owner for job in self.store.views())

    def _open_quietly(self) -> None:
        try:
            self._executors.open()
        except MammoError as error:
            _LOG.warning("%s", error)  # the first job will say so

    def _hand_over(self, view: JobView) -> None:
        self._held[view.id] = None
        self._to_do.put(lambda: self._submit(view))

    def _submit_all(self) -> None:
        """One after the other: the first opens the executor."""
        while not self._closed.is_set():
            try:
                self._to_do.get()()
            except Exception:  # the next job is submitted all the same
                _LOG.exception("the executor could not be used")

    def _submit(self, view: JobView) -> None:
        """Opens an executor, which may take seconds, and submits."""
        try:
            executor = self._executors.open()
            if view.id not in self._held:
                return  # cancelled meanwhile
            self._held[view.id] = executor.submit(
                run_job,
                str(self._home),
                os.environ.get("MLFLOW_TRACKING_URI"),
                view.id,
                view.attempt,
                **self._executors.submit_options(view.priority),
            )
        except MammoError as error:
            if self._closed.is_set():
                return  # the job is interrupted, as all are then
            self._held.pop(view.id, None)
            self.store.end(view.id, "failed", str(error))
        except Exception as error:
            _LOG.exception("job %s could not be submitted", view.id)
            self._held.pop(view.id, None)
            self.store.end(view.id, "failed", f"The job could not be handed to a worker: {error}")

    def _keep(self) -> None:
        """Beats for the jobs that wait here, and notes those whose worker gave up."""
        while not self._closed.wait(BEAT_SECONDS):
            for job_id, future in list(self._held.items()):
                try:
                    self._look_after(job_id, future)
                except Exception:  # a busy database must not end the watch: it is tried again
                    _LOG.warning("job %s could not be looked after", job_id, exc_info=True)

    def _look_after(self, job_id: str, future: Future[str] | None) -> None:
        if future is None:
            self.store.beat(job_id)  # its executor is being opened
        elif future.done():
            self._note_end(job_id, future)
            self._held.pop(job_id, None)
        elif self._executors.is_alive() and self.store.view(job_id).started is None:
            self.store.beat(job_id)  # it waits; once it runs its worker beats

    def _note_end(self, job_id: str, future: Future[str]) -> None:
        """A job whose function did not return wrote no end of its own."""
        try:
            error = future.exception()
        except CancelledError:
            return  # the scheduler went away: its heartbeat stops, which says it all
        if error is not None and not self.store.view(job_id).is_over:
            self.store.end(
                job_id,
                "failed",
                f"The worker gave up: {error}. If it died several times, it may lack memory; what was "
                "finished is kept, continue when there is more.",
            )
