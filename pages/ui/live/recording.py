"""Keeps the Live page's runs: what the run store has is shown again, what is new is recorded in the background."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.system.paths import home_dir
from pages.ui.components.messages import escape_markdown
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.config.runs import RunConfig
    from mammo_core.results.recording import RunRecorder
    from mammo_core.training.heads.feature_dataset import FeatureDataset
    from mammo_core.training.outcome import FinishedRun


class _Writer:
    """One thread that opens the store and writes one run after the other, each once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-recording")
        self._recorder: RunRecorder | None = None
        self._written: dict[tuple[str, RunConfig], Future[str]] = {}

    def submit(self, result: FinishedRun) -> Future[str]:
        """Has a run written, unless it was or is being written."""
        key = (result.data_hash, result.config)
        known = self._written.get(key)
        if known is None or (known.done() and known.exception()):
            known = self._written[key] = self._thread.submit(self._record, result)
        return known

    def _record(self, result: FinishedRun) -> str:
        from mammo_core.results.recording import RunRecorder

        if self._recorder is None:
            self._recorder = RunRecorder(self._home)
        return self._recorder.record(result, origin="live")


@st.cache_resource(max_entries=4, show_spinner=False)
def _writer(home: Path) -> _Writer:
    return _Writer(home)


def find(dataset: FeatureDataset, config: RunConfig) -> FinishedRun | None:
    """The run of this configuration on these data that is recorded already, whoever trained it here."""
    run_id = resources.archive().id_of(config, dataset.data_hash)
    return None if run_id is None else resources.stored_run(run_id)


def has(dataset: FeatureDataset, config: RunConfig) -> bool:
    """Whether this configuration is recorded on these data, so that showing it releases nothing."""
    return resources.archive().id_of(config, dataset.data_hash) is not None


def track(result: FinishedRun) -> None:
    """Has a run recorded; warns on the page of those of this session that could not be."""
    tracked: dict[object, Future[str]] = st.session_state.setdefault("live_tracked", {})
    key = (result.data_hash, result.config)
    if key not in tracked:
        tracked[key] = _writer(home_dir()).submit(result)
    failed = [future.exception() for future in tracked.values() if future.done()]
    for error in {str(error) for error in failed if error is not None}:
        st.warning(
            f"A model of this session could not be recorded in the run store: {escape_markdown(error, longest=1000)} Free disk "
            "space or choose another folder with MAMMO_HOME, then reload the page.",
            icon=":material/database_off:",
        )
