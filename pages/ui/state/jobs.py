"""Gives pages one job queue for all users of this server, and says who is asking."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.system.paths import home_dir

if TYPE_CHECKING:
    from mammo_core.jobs.dask_executor import DaskExecutors
    from mammo_core.jobs.queue import JobQueue
    from mammo_core.jobs.requests import JobRequest
    from mammo_core.jobs.store import JobView


@st.cache_resource(show_spinner="Opening the job store", on_release=lambda queue: queue.close())
def job_queue() -> JobQueue:
    """Opens the job queue of this server."""
    from mammo_core.jobs.queue import JobQueue

    return JobQueue(home_dir(), make_executors())


def make_executors() -> DaskExecutors:
    """Makes what runs jobs: Dask; tests put a simple executor here."""
    from mammo_core.jobs.dask_executor import DaskExecutors

    return DaskExecutors()


def start(request: JobRequest) -> str:
    """Queues a job and returns its id; the work happens elsewhere."""
    return job_queue().start(request, _owner()).id


def prepare() -> None:
    """Starts workers in the background, on a page where a job is likely to follow."""
    job_queue().prepare()


def views(*kinds: str) -> list[JobView]:
    """Returns all jobs, or those of some kinds, the newest first."""
    found = job_queue().store.views()
    return [view for view in found if view.request.kind in kinds] if kinds else found


def job_name(view: JobView) -> str:
    """Names a job uniquely and for good: a widget knows its options by their names."""
    asked = datetime.fromtimestamp(view.created)
    return f"{view.request.title}, asked for {asked:%Y-%m-%d %H:%M} ({view.id[:4]})"


def _owner() -> str:
    """Identifies who is asking: this browser where it has a cookie of ours, else this session."""
    cookie = st.context.cookies.get("_streamlit_xsrf")
    if cookie:
        return hashlib.sha256(str(cookie).encode()).hexdigest()[:12]
    return st.session_state.setdefault("job_owner", uuid.uuid4().hex[:12])
