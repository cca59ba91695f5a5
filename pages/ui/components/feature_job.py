"""Prepares a cohort for training: a job, not the page, computes missing features."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.text.numbers import counted, duration
from pages.ui.components.job_panel import show_job
from pages.ui.state import jobs, resources

if TYPE_CHECKING:
    from mammo_core.jobs.requests import FeaturesRequest
    from mammo_core.jobs.store import JobView
    from mammo_core.training.heads.feature_dataset import FeatureDataset

_starting = threading.Lock()
_PASSES_PER_SECOND = 25  # a cautious guess for two processor cores


def show_left_out(source: DataSource) -> None:
    """Lists the files of a cohort that could not be used, each with its reason."""
    skipped = resources.loaded_data(source).skipped
    if skipped:
        with st.expander(
            f"Left out of this cohort: {counted(len(skipped), 'file')}", icon=":material/warning:"
        ):
            rows = [
                {"file": file.path.name, "why": file.kind, "what to do": file.reason}
                for file in skipped
            ]
            st.dataframe(pd.DataFrame(rows), hide_index=True, key="left_out")


def open_dataset(source: DataSource) -> FeatureDataset:
    """Loads data and features. If features are missing, starts or shows the job that computes them and ends the page.

    A short computation, as for the built-in demo, starts by itself. A long one asks first.

    Raises:
        MammoError: If the cohort or its features cannot be read.
    """
    if not resources.count_missing(source):
        return resources.feature_dataset(source)
    request = _request(source)
    job = _latest_job(request)
    if job is not None and job.state == "finished":
        resources.count_missing.clear(source)  # what the job has added since it was counted
        if not resources.count_missing(source):
            return resources.feature_dataset(source)
        job = None  # the features were deleted since
    if job is None:
        if not source.is_demo:
            _ask_before(resources.count_missing(source), request.backbone.views)
        job_id = _start(request)
    else:
        job_id = job.id
    job = show_job(job_id)
    if not job.is_over:
        st.caption(
            "The page continues by itself when the features are ready. You may close it in the "
            "meantime."
        )
    st.stop()


def _request(source: DataSource) -> FeaturesRequest:
    from mammo_core.jobs.requests import FeaturesRequest

    return FeaturesRequest(source=source, backbone=resources.backbone_for(source))


def _start(request: FeaturesRequest) -> str:
    """Starts the job, unless another visitor who came at the same time did; returns its id."""
    with _starting:
        job = _latest_job(request)
        return jobs.start(request) if job is None or job.state == "finished" else job.id


def _latest_job(request: FeaturesRequest) -> JobView | None:
    """Returns the newest job that computes these features, whoever started it."""
    wanted = request.to_dict()
    return next((view for view in jobs.views() if view.request.to_dict() == wanted), None)


def _ask_before(missing: int, views: int) -> None:
    """Says how long it will take and ends the page unless the button was pressed."""
    st.warning(
        f"{missing} masses have no features yet. Computing them takes about "
        f"{duration(missing * views / _PASSES_PER_SECOND)} on two processor cores and is done "
        "once. You can stop and continue without loss. The same in a terminal: `python -m "
        "mammo_core features`.",
        icon=":material/hourglass_top:",
    )
    if not st.button("Compute features now", type="primary", key="compute_features"):
        st.stop()
