"""Takes recorded runs to another installation, and brings them in from one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.figures.provenance import Provenance
from mammo_core.system.paths import home_dir
from pages.ui.components.export import ExportBundle, download, export_button
from pages.ui.components.messages import escape_markdown
from pages.ui.runs import actions
from pages.ui.state import resources

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_UPLOAD = "runs_upload"


def show_export(rows: pd.DataFrame, run_ids: Sequence[str]) -> None:
    """The table of the runs shown, and of chosen ones everything there is."""
    provenance = Provenance(
        title="Recorded runs",
        notes=(
            "One row per run and test set. Each ε is of one run; what it covers is in the statement on its card. Measures are "
            "computed from test patients without noise.",
        ),
    )
    export_button(ExportBundle(name="runs", provenance=provenance, tables={"runs": rows}), "Table")
    if not run_ids:
        return
    with st.popover(f"Export {len(run_ids)} run(s)", icon=":material/folder_zip:", type="tertiary"):
        keep = st.toggle(
            "With ids of patients",
            key="runs_keep_ids",
            help="Predictions say whose each test mass is. Ids may identify people: without this, they are replaced by numbers.",
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
            "Configuration, statement, measures, predictions, what the ledger charged, and the model's weights: giving "
            "these away is the release that ε was spent on."
        )


def show_import() -> None:
    """A field for files that another installation exported."""
    with st.expander("Import runs from another installation", icon=":material/upload_file:"):
        _tell_outcome()
        file = st.file_uploader("A ZIP file, as *Export* makes it", type="zip", key=_UPLOAD)
        st.button(
            "Import",
            icon=":material/upload:",
            key="runs_import",
            disabled=file is None,
            on_click=_import,
            args=(file,),
        )
        st.caption(
            "Every file is compared with its sha256 and every number with the predictions before anything is written. "
            "Imported runs are marked *imported*, are not charged in the ledger of this machine, and importing twice is harmless."
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
    said = f"{new} run(s) imported, {len(found) - new} there already."
    st.session_state["runs_import_outcome"] = ("success", said)
    resources.archive_rows.clear()
    resources.num_runs.clear()


def _tell_outcome() -> None:
    kind, said = st.session_state.pop("runs_import_outcome", ("", ""))
    if kind == "error":
        st.error(escape_markdown(said, longest=1000), icon=":material/error:")
    elif kind:
        st.success(said, icon=":material/check:")
