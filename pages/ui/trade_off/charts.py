"""Draws the curves of the Trade-off page, one figure per test set."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.config.runs import Strategy
from mammo_core.figures.style import traces_of
from mammo_core.figures.trade_off import trade_off_figure
from pages.ui.components.charts import chart, legend_row
from pages.ui.components.export import ExportBundle, export_button, slug
from pages.ui.components.messages import escape_markdown
from pages.ui.trade_off import card as trade_off_card
from pages.ui.trade_off.citation import provenance_of
from pages.ui.trade_off.headline import cost_sentence
from pages.ui.trade_off.points import CurveChoices, Drawn, names_of, visible_points

if TYPE_CHECKING:
    import plotly.graph_objects as go

_HEIGHT = 400  # pixels: both ends of the axes are seen at once on a laptop


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
            evaluated_per=choices.evaluated_per,
            paper=part.paper if len(part.paper) else None,
            own=part.own if len(part.own) else None,
            seeds=part.rows if choices.every_seed else None,
            own_seeds=part.own_rows if choices.every_seed else None,
            value_range=value_range,
            chosen=chosen,
            banded=_banded(choices, chosen),
        )
    return made


def _banded(choices: CurveChoices, chosen: str | None) -> Strategy:
    """The curve whose band is drawn: that of the chosen point, or else the one that the sentence is about."""
    named: list[Strategy] = [
        strategy for strategy in choices.strategies if f"/{strategy}/" in f"/{chosen}/"
    ]
    return named[0] if named else choices.strategies[0]


def _num_traces(figure: go.Figure) -> int:
    return len(list(traces_of(figure)))


def show_curves(choices: CurveChoices, drawn: Drawn, chosen: str | None, image_format: str) -> None:
    """Draws the figures, two beside one another, under one legend; a click chooses a point."""
    import plotly.graph_objects as go

    names = names_of(choices.test_sets)
    made = list(figures(choices, drawn, chosen).items())
    if made:
        legend_row(max((figure for _, figure in made), key=_num_traces))
    columns = [
        column for start in range(0, len(made), 2) for column in st.columns(min(2, len(made)))
    ]
    for (test_set, figure), column in zip(made, columns, strict=False):
        key = f"curve_{test_set}"
        shown = go.Figure(figure).update_layout(showlegend=False, height=_HEIGHT)
        with column:
            st.header(escape_markdown(names[test_set]))
            told = drawn.on(test_set).points
            per = choices.evaluated_per
            st.markdown(cost_sentence(told, choices.metric, choices.unit, evaluated_per=per))
            chart(
                shown,
                key=key,
                alt=f"{choices.measure} against privacy budget on {names[test_set]}",
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
                    figures={f"{choices.measure}, {names[test_set]}": figure},
                    tables={
                        f"mammo_privacy_{choices.metric}_{slug(test_set)}": partial(
                            visible_points, choices, drawn.on(test_set)
                        )
                    },
                )
            )
