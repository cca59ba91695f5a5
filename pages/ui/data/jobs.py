"""Shows the newest fetch or import on the Data page, and where to go next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.components.job_panel import show_job
from pages.ui.state import jobs

if TYPE_CHECKING:
    from mammo_core.jobs.store import JobView


def newest_job(kind: str) -> JobView | None:
    """Returns the newest job of a kind, whoever started it."""
    return next(iter(jobs.views(kind)), None)


def show_newest(kind: str, *, cohort: Callable[[JobView], str], finished: str) -> None:
    """Draws the newest job of a kind; once it is finished, where to go next.

    Args:
        cohort: Names the cohort that a job makes.
        finished: What to say then.
    """
    job = newest_job(kind)
    if job is None:
        return
    job = show_job(job.id)
    if job.state == "finished":
        st.success(finished, icon=":material/check:")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Look at the masses",
                icon=":material/grid_view:",
                key=f"data_look_{kind}",
                on_click=_open_installed,
                args=(cohort(job),),
            )
            st.page_link("pages/train.py", label="Train", icon=":material/model_training:")


def _open_installed(cohort: str) -> None:
    st.session_state["data_tab"] = "Installed"
    st.session_state["data_cohort"] = cohort
