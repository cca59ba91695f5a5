"""The tabs of the Privacy page; only the open one is computed."""

from __future__ import annotations

import streamlit as st

from pages.ui.privacy_attacks import shipped_tables, show_attacks
from pages.ui.privacy_clipping import show_clipping
from pages.ui.privacy_composition import show_composition
from pages.ui.privacy_controls import Choices
from pages.ui.privacy_counting import show_counting
from pages.ui.privacy_minute import show_minute
from pages.ui.privacy_unit import show_unit


def show_tabs(choices: Choices) -> None:
    """Draws the tabs and what is in the open one."""
    for name, tab in zip(
        _SHOWN,
        st.tabs(list(_SHOWN), key="privacy_tab", bind="query-params", on_change="rerun"),
        strict=True,
    ):
        if tab.open:
            with tab:
                _SHOWN[name](choices)


def _attacks(choices: Choices) -> None:
    tables = shipped_tables(choices.strategy)
    show_attacks(tables.attacks, tables.audits, tables.roc, choices.unit, choices.epsilon)


_SHOWN = {
    "In one minute": show_minute,
    "Attacks and audit": _attacks,
    "Unit": show_unit,
    "Composition": show_composition,
    "Accounting": show_counting,
    "Clipping and noise": show_clipping,
}
