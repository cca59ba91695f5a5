"""Draws the tabs of the Privacy page; only the open one is computed."""

from __future__ import annotations

import streamlit as st

from pages.ui.privacy.accounting import show_accounting
from pages.ui.privacy.attacks import shipped_tables, show_attacks
from pages.ui.privacy.clipping import show_clipping
from pages.ui.privacy.composition import show_composition
from pages.ui.privacy.controls import PrivacyChoices, choose
from pages.ui.privacy.generators import show_generator_attacks
from pages.ui.privacy.ledger import show_ledger
from pages.ui.privacy.overview import show_overview
from pages.ui.privacy.own_audit import show_own_audit
from pages.ui.privacy.pitfalls import show_pitfalls
from pages.ui.privacy.unit import show_unit


def show_tabs() -> None:
    """Draws the tabs, the content of the open one, and above them the choices that it depends on."""
    old_name = st.query_params.get("privacy_tab")
    if old_name in _OLD_NAMES:
        st.session_state["privacy_tab"] = _OLD_NAMES[old_name]
    above = st.container()
    first, second, *others = _OF_ONE_MODEL
    names = [first, second, *_OF_EVERYTHING, *others]
    for name, tab in zip(
        names,
        st.tabs(names, key="privacy_tab", bind="query-params", on_change="rerun"),
        strict=True,
    ):
        if not tab.open:
            continue
        if name in _OF_ONE_MODEL:
            with above:
                choices = choose()
            with tab:
                _OF_ONE_MODEL[name](choices)
        else:
            with tab:
                _OF_EVERYTHING[name]()


def _attacks(choices: PrivacyChoices) -> None:
    tables = shipped_tables(choices.strategy)
    show_attacks(tables.attacks, tables.audits, tables.roc, choices.unit, choices.epsilon)
    show_generator_attacks(choices.unit)
    show_own_audit(choices)


_OF_ONE_MODEL = {
    "Overview": show_overview,
    "Attacks and audit": _attacks,
    "Unit": show_unit,
    "Composition": show_composition,
    "Accounting": show_accounting,
    "Clipping and noise": show_clipping,
}
_OF_EVERYTHING = {"Ledger": show_ledger, "Pitfalls": show_pitfalls}
_OLD_NAMES = {"In one minute": "Overview", "Trust": "Pitfalls"}  # in links of earlier versions
