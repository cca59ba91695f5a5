"""Odds as a hundred dots on either side: who took part and who did not, and of whom an attacker says that they did."""

from __future__ import annotations

import plotly.graph_objects as go

from mammo_core.figures.palette import NEUTRAL, TEST_SET_COLOURS

_RIGHTLY, _WRONGLY = TEST_SET_COLOURS[0], TEST_SET_COLOURS[1]
_SIDE = 10
_GAP = 3


def odds_figure(named: int, accused: int) -> go.Figure:
    """Two squares of 10 × 10 dots, filled from the top left for those of whom the attacker says "took part".

    Args:
        named: Of 100 who took part, rightly said so of.
        accused: Of 100 who did not, wrongly said so of.
    """
    figure = go.Figure()
    groups = (
        (0, named, _RIGHTLY, "circle", f"took part: rightly named, at most {named}"),
        (_SIDE + _GAP, accused, _WRONGLY, "diamond", f"did not: wrongly accused, {accused}"),
    )
    for start, count, colour, symbol, name in groups:
        for index, shown in ((0, True), (1, False)):
            dots = range(count) if shown else range(count, _SIDE * _SIDE)
            figure.add_trace(
                go.Scatter(
                    x=[start + dot % _SIDE for dot in dots],
                    y=[-(dot // _SIDE) for dot in dots],
                    mode="markers",
                    marker={
                        "size": 11,
                        "symbol": symbol if shown else f"{symbol}-open",
                        "color": colour if shown else NEUTRAL,
                        "line": {"width": 1},
                        "opacity": 1.0 if shown else 0.6,
                    },
                    name=name,
                    showlegend=index == 0,
                    hoverinfo="skip",
                )
            )
        figure.add_annotation(
            x=start + (_SIDE - 1) / 2,
            y=0.9,
            yanchor="bottom",
            text=f"<b>{100} who {'took part' if start == 0 else 'did not'}</b>",
            showarrow=False,
        )
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(range=[-0.8, 2 * _SIDE + _GAP - 0.2], **hidden)
    figure.update_yaxes(range=[-_SIDE + 0.2, 2.4], scaleanchor="x", **hidden)
    figure.update_layout(
        height=300,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        legend={"orientation": "h", "yanchor": "top", "y": 0, "x": 0},
        hovermode=False,
        dragmode=False,
    )
    return figure
