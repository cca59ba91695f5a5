"""Takes the whole shown trade-off along: numbers, figures that work offline, and how all of it was made."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from mammo_core.figures.provenance import Provenance
from pages.ui.components.export import ExportBundle, export_button
from pages.ui.state import resources
from pages.ui.trade_off.charts import figures
from pages.ui.trade_off.citation import provenance_of
from pages.ui.trade_off.points import CurveChoices, Drawn, names_of

IMAGE_FORMATS = ("png", "svg")


def choose_image_format() -> str:
    """What the camera button of the figures saves."""
    return st.segmented_control(
        "Camera button saves",
        IMAGE_FORMATS,
        default="png",
        required=True,
        format_func=str.upper,
        key="image_format",
        bind="query-params",
        help="Point at a figure: its toolbar has a camera. The HTML file has buttons of its own, "
        "which the keyboard reaches too.",
    )


def show_downloads(choices: CurveChoices, drawn: Drawn) -> None:
    """The figures with the visible points, and all shipped runs."""
    names = names_of(choices.test_sets)
    stem = f"mammo_privacy_{choices.metric}_{choices.unit}"
    shown = ExportBundle(
        name=stem,
        provenance=provenance_of(choices),
        figures={names[test_set]: one for test_set, one in figures(choices, drawn).items()},
        tables={stem: lambda: visible_points(choices, drawn)},
    )
    made = resources.provenance()
    runs = ExportBundle(
        name="mammo_privacy_results",
        provenance=Provenance(
            title="Every shipped run",
            notes=(
                f"Measured {made['made']} with: {made['command']}",
                f"Data {made['data_hash']}.",
            ),
        ),
        tables={"mammo_privacy_results": resources.measured_rows},
    )
    with st.container(horizontal=True):
        export_button(shown, "Figures and visible points")
        export_button(runs, "All shipped runs")


def visible_points(choices: CurveChoices, drawn: Drawn) -> pd.DataFrame:
    """The points in the figures with where each is from: shipped, your runs, or the paper's."""
    parts = (("shipped", drawn.points), ("own", drawn.own), ("paper", drawn.paper))
    tables = [part.assign(origin=origin) for origin, part in parts if len(part)]
    return pd.concat(tables, ignore_index=True).assign(metric=choices.metric)
