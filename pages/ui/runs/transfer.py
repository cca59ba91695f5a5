"""Exports recorded runs to another installation, and imports them from one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.system.paths import home_dir
from mammo_core.text.numbers import counted
from pages.ui.components.export import download, export_button, table_bundle
from pages.ui.components.messages import escape_markdown
from pages.ui.runs import actions
from pages.ui.state import resources

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_UPLOAD = "runs_upload"


def show_export(rows: pd.DataFrame, run_ids: Sequence[str]) -> None:
    """Draws the exports: the table of the runs shown, and everything about chosen runs."""
    note = (
        "One row per run and test set. Each ε covers one run; its statement says what it "
        "covers. Measures are computed from test patients without noise."
    )
    export_button(table_bundle("runs", "Recorded runs", rows, (note,)), "Table")
    if not run_ids:
        return
    with st.popover(
        f"Export {counted(len(run_ids), 'run')}", icon=":material/folder_zip:", type="tertiary"
    ):
        keep = st.toggle(
            "With ids of patients",
            key="runs_keep_ids",
            help=(
                "Keeps whose each test mass is in the predictions. Ids may identify people. Without "
                "them, numbers replace the ids."
            ),
        )
        download(
            "runs_export.zip",
            partial(_exported, tuple(run_ids), keep),
            key="download_runs_export",
            label="For another installation (ZIP)",
        )
        download(
            "run_cards.zip",
            partial(actions.run_cards_zip, run_ids),
            key="download_run_cards",
            label="Run cards only (ZIP)",
        )
        st.caption(
            "The ZIP holds configuration, statement, measures, predictions, ledger records, and "
            "the model's weights. Publishing them is the release that ε was spent on."
        )


def show_import() -> None:
    """Draws a field for files that another installation exported."""
    with st.expander("Import runs from another installation", icon=":material/upload_file:"):
        _tell_outcome()
        file = st.file_uploader("A ZIP file that *Export* made", type="zip", key=_UPLOAD)
        st.button(
            "Import",
            icon=":material/upload:",
            key="runs_import",
            disabled=file is None,
            on_click=_import,
            args=(file,),
        )
        st.caption(
            "The import first compares every file with its sha256 and every number with the "
            "predictions. Imported runs are marked *imported*. The ledger of this machine does "
            "not record them. Importing twice is harmless."
        )


def _exported(run_ids: tuple[str, ...], keep_patient_ids: bool) -> bytes:
    from mammo_core.results.exchange.export import export_runs

    return export_runs(home_dir(), run_ids, keep_patient_ids=keep_patient_ids)


def _import(file: UploadedFile) -> None:
    from mammo_core.results.exchange.load import import_runs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.zip"
        path.write_bytes(file.getbuffer())
        try:
            found = import_runs(path, home_dir())
        except MammoError as error:
            st.session_state["runs_import_outcome"] = ("error", str(error))
            return
    new = sum(run.is_new for run in found)
    said = f"{counted(new, 'run')} imported, {len(found) - new} there already."
    st.session_state["runs_import_outcome"] = ("success", said)
    resources.archive_rows.clear()
    resources.num_runs.clear()


def _tell_outcome() -> None:
    kind, said = st.session_state.pop("runs_import_outcome", ("", ""))
    if kind == "error":
        st.error(escape_markdown(said, longest=1000), icon=":material/error:")
    elif kind:
        st.success(said, icon=":material/check:")
