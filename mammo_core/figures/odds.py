"""Draws shares of people as dots: an attacker's odds, and what a classifier says of 1000 women."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.style import NEUTRAL, TEST_SET_COLOURS, faded, put_legend_above

_FOUND, _FLAGGED = TEST_SET_COLOURS[0], TEST_SET_COLOURS[1]
_SIDE = 10
_GAP = 3
_RADIUS = 0.38
_WOMEN, _ROWS = 1000, 25
_WOMEN_KINDS = {
    "cancers found": TEST_SET_COLOURS[0],
    "cancers missed": TEST_SET_COLOURS[3],
    "false alarms": TEST_SET_COLOURS[1],
    "cleared, without cancer": faded(NEUTRAL, 0.25),
}
_CORNERS = np.linspace(0, 2 * np.pi, 25)


def odds_figure(tpr: int, fpr: int) -> go.Figure:
    """Draws two squares of 10 × 10 dots, filled from the top left for those of whom the attacker says "took part".

    Args:
        tpr: How many of 100 who took part are identified.
        fpr: How many of 100 who did not are wrongly flagged.
    """
    figure = go.Figure()
    groups = (
        (0, tpr, _FOUND, f"<b>100 who took part</b><br>at most {tpr} identified"),
        (_SIDE + _GAP, fpr, _FLAGGED, f"<b>100 who did not</b><br>{fpr} wrongly flagged"),
    )
    for start, count, colour, title in groups:
        for is_said in (True, False):
            dots = range(count) if is_said else range(count, _SIDE * _SIDE)
            x, y = _circles(start, dots)
            figure.add_trace(
                go.Scatter(
                    x=x,
                    y=y,
                    mode="lines",
                    fill="toself" if is_said else "none",
                    fillcolor=colour,
                    line={"color": colour if is_said else NEUTRAL, "width": 1},
                    showlegend=False,
                    customdata=[len(dots)],
                )
            )
        figure.add_annotation(
            x=start + (_SIDE - 1) / 2, y=0.8, yanchor="bottom", text=title, showarrow=False
        )
    rates = {"took part, identified at most (%)": tpr, "did not, wrongly flagged (%)": fpr}
    figure.update_layout(meta={"table": [rates]})  # not the outlines of dots
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(range=[-0.8, 2 * _SIDE + _GAP - 0.2], **hidden)
    figure.update_yaxes(range=[-_SIDE + 0.2, 3.0], scaleanchor="x", constrain="domain", **hidden)
    figure.update_layout(
        height=215,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        hovermode=False,
        dragmode=False,
    )
    return figure


def women_figure(found: int, missed: int, false_alarms: int) -> go.Figure:
    """Draws 1000 women as squares in 25 rows of 40: cancers found, cancers missed, false alarms, and all others.

    Args:
        found, missed: Women with cancer who are called malignant, and who are not.
        false_alarms: Women without cancer who are called malignant.

    Raises:
        ValueError: If they are more than 1000, or a number is below 0.
    """
    counts = (found, missed, false_alarms, _WOMEN - found - missed - false_alarms)
    if min(counts) < 0:
        raise ValueError(f"Expected counts of 1000 women, each 0 or more; got {counts[:3]}.")
    kinds = np.repeat(np.arange(len(counts)), counts).reshape(_ROWS, -1)
    figure = go.Figure()
    for kind, (name, colour) in enumerate(_WOMEN_KINDS.items()):
        figure.add_trace(
            go.Heatmap(
                z=np.where(kinds == kind, 1.0, np.nan),
                colorscale=[[0, colour], [1, colour]],
                showscale=False,
                xgap=2,
                ygap=2,
                name=f"{counts[kind]} {name}",
                hovertemplate="%{fullData.name}<extra></extra>",
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[None],
                y=[None],
                mode="markers",
                name=f"{counts[kind]} {name}",
                marker={"symbol": "square", "size": 12, "color": colour},
            )
        )
    figure.update_layout(meta={"table": [dict(zip(_WOMEN_KINDS, counts, strict=True))]})
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(**hidden)
    figure.update_yaxes(autorange="reversed", **hidden)
    put_legend_above(figure, height=340)
    figure.update_layout(margin={"l": 0, "r": 0, "b": 0}, dragmode=False)
    return figure


def _circles(start: int, dots: Iterable[int]) -> tuple[list[float | None], list[float | None]]:
    """Outlines of dots, which grow with the figure as marks would not, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for dot in dots:
        x += [*(start + dot % _SIDE + _RADIUS * np.cos(_CORNERS)), None]
        y += [*(-(dot // _SIDE) + _RADIUS * np.sin(_CORNERS)), None]
    return x, y
