"""Offers the script that reads the example with the models of the page."""

from __future__ import annotations

import streamlit as st

from mammo_core.synthesis.mass_id import MassId
from pages.ui.case.image import EXAMPLE
from pages.ui.case.models import chosen_runs
from pages.ui.components.script import show_script


def show_python() -> None:
    """Draws the script; nothing for an upload: the page knows no file that a script could read."""
    chosen = st.session_state
    if chosen["case_source"] == EXAMPLE:
        mass = MassId.from_key(f"{chosen['case_seed']}-{chosen['case_class']}")
        show_script("read_case", mass=mass, run_ids=chosen_runs())
