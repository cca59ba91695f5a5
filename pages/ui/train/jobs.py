"""Which job the Train page shows: the one in its URL, the one just started, or the newest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.components.links import from_link
from pages.ui.components.script import show_script
from pages.ui.state import jobs

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import DataSource
    from mammo_core.jobs.requests import NetworkRequest
    from mammo_core.training.heads.sweep import SweepPlan

_URL, _CHOSEN = "job", "train_job"
_SHOWN = 30
_KINDS = ("sweep", "network", "features", "audit")


def start_training(
    source: DataSource, asked: SweepPlan | NetworkRequest, beyond_budget: str
) -> None:
    """Starts a job and shows it from now on; with a reason it may exceed the budget of its cohort."""
    from mammo_core.jobs.requests import NetworkRequest, SweepRequest

    request = (
        replace(asked, beyond_budget=beyond_budget)
        if isinstance(asked, NetworkRequest)
        else SweepRequest(source=source, plan=asked, beyond_budget=beyond_budget)
    )
    show_on_train(jobs.start(request))


def start_label(asked: SweepPlan | NetworkRequest) -> str:
    """What the button that starts it says."""
    from mammo_core.jobs.requests import NetworkRequest

    if isinstance(asked, NetworkRequest):
        return "Start training the network"
    return "Start training" if asked.num_runs == 1 else f"Start {asked.num_runs} runs"


def show_python(source: DataSource, asked: SweepPlan | NetworkRequest) -> None:
    """Draws the script that trains the same."""
    from mammo_core.jobs.requests import NetworkRequest

    if isinstance(asked, NetworkRequest):
        show_script("train_network", source=source, config=asked.config, device=asked.device)
    else:
        show_script("train", source=source, plan=asked)


def show_on_train(job_id: str) -> None:
    """Makes the Train page show this job when it runs next."""
    st.session_state[_CHOSEN] = job_id


def choose_job() -> str | None:
    """The id of the job to show; None if there is none at all. The URL always names it, as `job`."""
    views = {view.id: view for view in jobs.views(*_KINDS)[:_SHOWN]}
    if not views:
        return None
    newest = next(iter(views))
    asked = from_link(_URL, lambda text: text if text in views else None, newest, "the newest job")
    if st.session_state.get(_CHOSEN) not in views:
        st.session_state[_CHOSEN] = asked
    chosen = st.selectbox(
        "Job",
        list(views),
        format_func=lambda job_id: jobs.job_name(views[job_id]),
        key=_CHOSEN,
        label_visibility="collapsed",
    )
    st.query_params[_URL] = chosen
    return chosen
