"""Records the Live page's releases in MLflow, behind the page's back, so that drawing never waits for a database."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.system.paths import home_dir
from pages.ui.components.messages import escape_markdown

if TYPE_CHECKING:
    from mammo_core.results.recording import RunRecorder
    from mammo_core.training.heads.feature_dataset import FeatureDataset
    from mammo_core.training.heads.runs import RunResult


class _Writer:
    """One thread that opens the store and writes one run after the other."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-tracking")
        self._tracker: RunRecorder | None = None

    def submit(self, result: RunResult, dataset: FeatureDataset) -> Future[str]:
        return self._thread.submit(self._record, result, dataset)

    def _record(self, result: RunResult, dataset: FeatureDataset) -> str:
        from mammo_core.results.recording import RunRecorder

        if self._tracker is None:
            self._tracker = RunRecorder(self._home)
        return self._tracker.record(result, dataset, origin="live")


@st.cache_resource(max_entries=4, show_spinner=False)
def _writer(home: Path) -> _Writer:
    return _Writer(home)


def track(dataset: FeatureDataset, result: RunResult) -> None:
    """Has the release recorded once per session; warns on the page of one that could not be."""
    tracked: dict[object, Future[str]] = st.session_state.setdefault("live_tracked", {})
    key = (dataset.data_hash, result.config)
    if key not in tracked:
        tracked[key] = _writer(home_dir()).submit(result, dataset)
    failed = [future.exception() for future in tracked.values() if future.done()]
    for error in {str(error) for error in failed if error is not None}:
        st.warning(
            f"A model of this session could not be recorded in the run store: {escape_markdown(error, longest=1000)} Free disk "
            "space or choose another folder with MAMMO_HOME, then reload the page.",
            icon=":material/database_off:",
        )
