"""Which job the Train page shows: the one in its URL, the one just started, or the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.ui import jobs
from pages.ui.job_panel import state_name

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.experiments.sweep import SweepPlan

_CHOSEN = "job"
_SHOWN = 30


def start_training(source: DataSource, plan: SweepPlan) -> None:
    """Starts a job and shows it from now on."""
    from mammo_core.experiments.requests import SweepRequest

    st.session_state[_CHOSEN] = jobs.start(SweepRequest(source=source, plan=plan))


def choose_job() -> str | None:
    """The id of the job to show, in the URL as `job`; None if there is none at all."""
    views = {view.id: view for view in jobs.views()[:_SHOWN]}
    if not views:
        return None
    if _CHOSEN not in st.session_state and _CHOSEN not in st.query_params:
        st.session_state[_CHOSEN] = next(iter(views))
    return st.selectbox(
        "Job",
        list(views),
        index=None,  # so that the URL always names the job
        format_func=lambda job_id: f"{state_name(views[job_id])}: {views[job_id].request.title}",
        key=_CHOSEN,
        bind="query-params",
        label_visibility="collapsed",
    )
