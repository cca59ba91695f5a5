"""Draws the curves of the Trade-off page, one figure per test set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.figures.trade_off import METRIC_LABELS, trade_off_figure
from pages.ui.components.charts import chart, readable_type
from pages.ui.components.export import ExportBundle, export_button, slug
from pages.ui.components.messages import escape_markdown
from pages.ui.trade_off import card as trade_off_card
from pages.ui.trade_off.citation import provenance_of
from pages.ui.trade_off.points import CurveChoices, Drawn, names_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


def figures(choices: CurveChoices, drawn: Drawn, chosen: str | None = None) -> dict[str, go.Figure]:
    """Makes one figure per test set that has a point, all on the same vertical axis; do not change them."""
    return _figures(choices, chosen, tuple(sorted(drawn.own_rows["run_key"])), drawn)


@st.cache_resource(max_entries=32, show_spinner=False)
def _figures(
    choices: CurveChoices, chosen: str | None, own_runs: tuple[str, ...], _drawn: Drawn
) -> dict[str, go.Figure]:
    drawn = _drawn
    value_range = drawn.value_range()
    made = {}
    for test_set in choices.test_sets:
        part = drawn.on(test_set)
        if part.points.empty and part.own.empty:
            continue
        made[test_set] = trade_off_figure(
            part.points,
            metric=choices.metric,
            paper=part.paper if len(part.paper) else None,
            own=part.own if len(part.own) else None,
            seeds=part.rows if choices.every_seed else None,
            own_seeds=part.own_rows if choices.every_seed else None,
            value_range=value_range,
            chosen=chosen,
        )
    return made


def show_curves(choices: CurveChoices, drawn: Drawn, chosen: str | None, image_format: str) -> None:
    """Draws the figures, two beside one another; a click chooses a point."""
    readable_type()
    names = names_of(choices.test_sets)
    made = list(figures(choices, drawn, chosen).items())
    columns = [
        column for start in range(0, len(made), 2) for column in st.columns(min(2, len(made)))
    ]
    for (test_set, figure), column in zip(made, columns, strict=False):
        key = f"curve_{test_set}"
        with column:
            st.subheader(escape_markdown(names[test_set]))
            chart(
                figure,
                key=key,
                alt=f"{METRIC_LABELS[choices.metric]} against privacy budget on {names[test_set]}",
                toolbar={
                    "format": image_format,
                    "filename": f"mammo_privacy_{choices.metric}_{slug(test_set)}",
                    "width": 1200,
                    "height": 700,
                    "scale": 2,
                },
                on_select=lambda key=key: trade_off_card.on_click(key),
                selection_mode="points",
            )
            export_button(
                ExportBundle(
                    name=f"mammo_privacy_{choices.metric}_{slug(test_set)}",
                    provenance=provenance_of(choices, names[test_set]),
                    figures={f"{METRIC_LABELS[choices.metric]}, {names[test_set]}": figure},
                )
            )
