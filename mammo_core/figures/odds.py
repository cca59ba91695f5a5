"""Draws an attacker's odds as a hundred dots for those who took part and a hundred for those who did not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.style import NEUTRAL, TEST_SET_COLOURS

_RIGHTLY, _WRONGLY = TEST_SET_COLOURS[0], TEST_SET_COLOURS[1]
_SIDE = 10
_GAP = 3
_RADIUS = 0.38
_CORNERS = np.linspace(0, 2 * np.pi, 25)


def odds_figure(tpr: int, fpr: int) -> go.Figure:
    """Draws two squares of 10 × 10 dots, filled from the top left for those of whom the attacker says "took part".

    Args:
        tpr: How many of 100 who took part are rightly said to have.
        fpr: How many of 100 who did not are wrongly said to have.
    """
    figure = go.Figure()
    groups = (
        (0, tpr, _RIGHTLY, f"<b>100 who took part</b><br>at most {tpr} rightly named"),
        (_SIDE + _GAP, fpr, _WRONGLY, f"<b>100 who did not</b><br>{fpr} wrongly accused"),
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
    rates = {"took part, rightly named at most (%)": tpr, "did not, wrongly accused (%)": fpr}
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


def _circles(start: int, dots: Iterable[int]) -> tuple[list[float | None], list[float | None]]:
    """Outlines of dots, which grow with the figure as marks would not, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for dot in dots:
        x += [*(start + dot % _SIDE + _RADIUS * np.cos(_CORNERS)), None]
        y += [*(-(dot // _SIDE) + _RADIUS * np.sin(_CORNERS)), None]
    return x, y
