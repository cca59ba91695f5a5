"""A worker's side of a job: does what the request says and writes how it ended.

Training runs are recorded one by one as they finish and features shard by shard, so a job that is
cancelled or killed loses at most the run or shard in hand, and a new attempt goes on from there.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from mammo_core.errors import MammoError
from mammo_core.jobs.context import JobContext, JobStopped
from mammo_core.jobs.handlers import run_request
from mammo_core.jobs.store import JobStore

_LOG = logging.getLogger(__name__)


def run_job(home: str, tracking_uri: str | None, job_id: str, attempt: str) -> str:
    """Does a job; called in a worker process.

    Args:
        home: `MAMMO_HOME` of the installation, on a path that the worker sees.
        tracking_uri: Of the team's MLflow server, if there is one.

    Returns:
        The state it ended in.
    """
    os.environ["MAMMO_HOME"] = home
    if tracking_uri:
        os.environ["MLFLOW_TRACKING_URI"] = tracking_uri
    store = JobStore(Path(home))
    view = store.view(job_id)
    if view.attempt != attempt or view.cancel_requested:
        return view.state  # continued elsewhere, or cancelled while it waited
    store.begin(job_id)
    with JobContext(store, job_id, attempt) as job:
        try:
            run_request(view.request, job, Path(home))
        except JobStopped:
            if job.taken_over:
                return "interrupted"
            store.end(job_id, "cancelled")
            return "cancelled"
        except MammoError as error:
            store.end(job_id, "failed", str(error))
            return "failed"
        except Exception as error:
            _LOG.exception("job %s failed", job_id)
            store.end(
                job_id,
                "failed",
                f"The program failed: {type(error).__name__}: {error}. This is a bug; the worker's "
                "log has the details.",
            )
            return "failed"
    store.end(job_id, "finished")
    return "finished"
