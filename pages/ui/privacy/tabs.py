"""Draws the tabs of the Privacy page; only the open one is computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.components import links
from pages.ui.components.inputs import draw_open_tab
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
    links.rename("privacy_tab", _OLD_NAMES)
    above = st.container()
    tabs: dict[str, Callable[[], None]] = {
        name: partial(_show_with_choices, show, above) for name, show in _OF_ONE_MODEL.items()
    }
    first, second, *others = tabs
    names = [first, second, *_OF_EVERYTHING, *others]
    shown = tabs | _OF_EVERYTHING
    draw_open_tab({name: shown[name] for name in names}, "privacy_tab")


def _show_with_choices(show: Callable[[PrivacyChoices], None], above: DeltaGenerator) -> None:
    with above:
        choices = choose()
    show(choices)


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
