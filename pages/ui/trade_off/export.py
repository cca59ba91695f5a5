"""Exports the whole trade-off: numbers, figures that work offline, and how all of it was made."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.ui.components.export import ExportBundle, export_button, table_bundle
from pages.ui.components.inputs import choose_one
from pages.ui.state import resources
from pages.ui.trade_off.charts import figures
from pages.ui.trade_off.citation import provenance_of
from pages.ui.trade_off.points import CurveChoices, Drawn, names_of

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
    made = resources.provenance()
    runs = table_bundle(
        "mammo_privacy_results",
        "Every shipped run",
        resources.measured_rows,
        (f"Measured {made['made']} with: {made['command']}", f"Data {made['data_hash']}."),
    )
    with st.container(horizontal=True):
        export_button(shown, "Figures and visible points")
        export_button(runs, "All shipped runs")


def visible_points(choices: CurveChoices, drawn: Drawn) -> pd.DataFrame:
    """Tabulates the points in the figures with their origin: shipped, own, or the paper's."""
    parts = (("shipped", drawn.points), ("own", drawn.own), ("paper", drawn.paper))
    tables = [part.assign(origin=origin) for origin, part in parts if len(part)]
    return pd.concat(tables, ignore_index=True).assign(metric=choices.metric)
