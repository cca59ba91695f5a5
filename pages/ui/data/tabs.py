"""The tabs of the Data page; only the open one is computed."""

from __future__ import annotations

import streamlit as st

from mammo_core.ingestion.installed import sweep_incoming
from mammo_core.system.paths import data_dir
from pages.ui.components.inputs import draw_open_tab
from pages.ui.components.messages import shown_errors
from pages.ui.data.import_tab import show_import
from pages.ui.data.installed_tab import show_installed
from pages.ui.data.paper_tab import show_paper

_TABS = {"Installed": show_installed, "The paper's data": show_paper, "Import": show_import}


def show_tabs() -> None:
    """Draws the tabs and what is in the open one."""
    _sweep()
    draw_open_tab(_TABS, "data_tab")


@st.cache_data(ttl=3600, show_spinner=False)
def _sweep() -> None:
    """Deletes uploads and downloads that nobody went on with, once an hour."""
    with shown_errors("Unfinished files cannot be cleared away"):
        sweep_incoming(data_dir())
