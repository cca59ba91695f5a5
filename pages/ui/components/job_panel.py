"""Shows a job: its place in the queue, its progress, its curve, and buttons to cancel or continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

from mammo_core.figures.progress import training_figure
from mammo_core.text.numbers import counted, duration
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.state import jobs

if TYPE_CHECKING:
    from mammo_core.jobs.store import JobView

_POLL_SECONDS = 1.0
_BADGES: dict[str, tuple[str, str, Literal["blue", "green", "gray", "red", "orange"]]] = {
    "queued": ("Waiting", ":material/hourglass_top:", "blue"),
    "running": ("Running", ":material/play_arrow:", "blue"),
    "finished": ("Finished", ":material/check:", "green"),
    "cancelled": ("Cancelled", ":material/cancel:", "gray"),
    "failed": ("Failed", ":material/error:", "red"),
    "interrupted": ("Interrupted", ":material/power_off:", "orange"),
}
_ENDED_EARLY = ("cancelled", "failed", "interrupted")


def show_job(job_id: str) -> JobView:
    """Draws the panel of a job. While the job runs, the panel alone refreshes every second.

    When the job ends the whole page runs once more, so that it can show the results.

    Returns:
        The job as it was when this run of the page began.
    """
    with shown_errors("This job cannot be shown"):
        view = jobs.job_queue().store.view(job_id)
    if view.is_over:
        _draw(view)
    else:
        st.fragment(_draw_live, run_every=_POLL_SECONDS, key=f"live_{job_id}")(job_id)
    return view


def _draw_live(job_id: str) -> None:
    view = jobs.job_queue().store.view(job_id)
    if view.is_over:
        st.rerun()
    _draw(view)


def _draw(view: JobView) -> None:
    with st.container(border=True, key=f"job_{view.id}"):
        head, buttons = st.columns([3, 1], vertical_alignment="center")
        with head.container(horizontal=True, vertical_alignment="center"):
            label, icon, colour = _BADGES[view.state]
            st.badge(label, icon=icon, color=colour)
            st.markdown(f"**{escape_markdown(view.request.title)}**")
        with buttons.container(horizontal=True, horizontal_alignment="right"):
            _draw_buttons(view)
        if view.state == "queued":
            _draw_queue(view)
        elif view.state == "interrupted":
            st.warning(
                "The process of this job has ended. Finished work is kept. *Continue* goes on "
                "from there.",
                icon=":material/power_off:",
            )
        elif view.state == "failed":
            st.error(escape_markdown(view.error, longest=2000), icon=":material/error:")
        _draw_progress(view)
        if view.state == "running":
            draw_curve(view.id)


def _draw_buttons(view: JobView) -> None:
    if view.state in ("queued", "running"):
        st.button(
            "Cancelling" if view.cancel_requested else "Cancel",
            key=f"cancel_{view.id}",
            icon=":material/stop:",
            disabled=view.cancel_requested,
            help="Stops within seconds. Finished work is kept.",
            on_click=jobs.job_queue().cancel,
            args=(view.id,),
        )
    elif view.state != "finished":
        st.button(
            "Continue",
            key=f"continue_{view.id}",
            icon=":material/resume:",
            type="primary",
            help="Continues from the finished work.",
            on_click=_resume,
            args=(view.id,),
        )


def _resume(job_id: str) -> None:
    jobs.job_queue().resume(job_id)


def _draw_queue(view: JobView) -> None:
    before = jobs.job_queue().place(view)
    st.markdown(
        f"{counted(before, 'job')} before this one."
        if before
        else "This job is next. The first job waits some seconds until its worker has started."
    )


def _draw_progress(view: JobView) -> None:
    progress = view.progress
    if not progress.message:
        return
    share = progress.done / progress.total if progress.total else 0.0
    words = escape_markdown(progress.message)
    st.progress(min(share, 1.0), f"Last: {words}" if view.state in _ENDED_EARLY else words)
    if view.state != "running":
        return
    parts = [f"{progress.done} of {progress.total} done"] if progress.total else []
    if progress.seconds_left is not None:
        parts.append(f"about {duration(progress.seconds_left)} left")
    if progress.epsilon is not None:
        parts.append(f"ε spent so far by this run: {progress.epsilon:.3g}")
    st.caption(" · ".join(parts))


def draw_curve(job_id: str) -> None:
    """Draws loss and validation AUROC of the run in training, if there are any yet."""
    store = jobs.job_queue().store
    loss, auroc = (store.curve(job_id, name) for name in ("loss", "validation_auroc"))
    if not loss:
        return
    st.plotly_chart(
        training_figure(loss, auroc),
        key=f"curve_{job_id}",
        alt="Loss and validation AUROC over the steps of the run in training",
        config={"displayModeBar": False},
    )
    st.caption(
        "Loss and AUROC are computed from real masses without noise. They are for you who hold "
        "the data. ε does not cover publishing them."
    )
