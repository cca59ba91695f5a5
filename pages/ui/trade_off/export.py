"""Exports the whole trade-off: numbers, figures that work offline, how all of it was made, and a script."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.ui.components.export import ExportBundle, export_button, table_bundle
from pages.ui.components.inputs import choose_one
from pages.ui.components.script import show_script
from pages.ui.state import resources
from pages.ui.trade_off.charts import figures
from pages.ui.trade_off.citation import provenance_of
from pages.ui.trade_off.points import (
    SHIPPED_TEST_SETS,
    CurveChoices,
    Drawn,
    names_of,
    visible_points,
)

IMAGE_FORMATS = ("png", "svg")


def choose_image_format() -> str:
    """Asks what the camera button of the figures saves."""
    return choose_one(
        "Camera button saves",
        IMAGE_FORMATS,
        "image_format",
        default="png",
        shown=str.upper,
        help="Point at a figure to see its toolbar with the camera. The HTML file has its own "
        "buttons, which the keyboard reaches too.",
    )


def show_downloads(choices: CurveChoices, drawn: Drawn) -> None:
    """Draws the exports of the figures with the visible points, and of all shipped runs."""
    names = names_of(choices.test_sets)
    stem = f"mammo_privacy_{choices.metric}_{choices.unit}"
    shown = ExportBundle(
        name=stem,
        provenance=provenance_of(choices),
        figures={names[test_set]: one for test_set, one in figures(choices, drawn).items()},
        tables={stem: lambda: visible_points(choices, drawn)},
    )
    made = resources.provenance(choices.masses)
    runs = table_bundle(
        "mammo_privacy_results",
        "Every shipped run",
        partial(resources.measured_rows, choices.masses),
        (f"Measured {made['made']} with: {made['command']}", f"Data {made['data_hash']}."),
    )
    with st.container(horizontal=True):
        export_button(shown, "Figures and visible points")
        export_button(runs, "All shipped runs")


def show_python(choices: CurveChoices) -> None:
    """Draws the script that makes the shipped curves."""
    show_script(
        "trade_off",
        masses=choices.masses,
        strategies=choices.strategies,
        unit=choices.unit,
        metric=choices.metric,
        evaluated_per=choices.evaluated_per,
        test_sets=tuple(name for name in choices.test_sets if name in SHIPPED_TEST_SETS),
        with_paper=choices.shows_paper,
    )
