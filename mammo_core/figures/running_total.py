"""Draws how the privacy cost grows with every model released from the same data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from mammo_core.figures.style import TEST_SET_COLOURS, faded, put_legend_above, room_for_a_line

_COLOUR = TEST_SET_COLOURS[0]


def running_total_figure(alone: Sequence[float], together: Sequence[float]) -> go.Figure:
    """Draws ε of each release as a bar, and of all up to it as a line.

    Args:
        alone: ε of each release in order, one or more.
        together: ε of the first, the first two, …, see `cost.running_epsilons`. Infinity, once
            a model was trained without privacy, is not drawn but noted.
    """
    counted = sum(not math.isinf(epsilon) for epsilon in together)
    numbers = list(range(1, counted + 1))
    figure = go.Figure(
        [
            go.Bar(
                x=numbers,
                y=list(alone[:counted]),
                name="this model alone",
                marker={"color": faded(_COLOUR, 0.35)},
                hovertemplate="model %{x} alone: ε = %{y:.3g}<extra></extra>",
            ),
            go.Scatter(
                x=numbers,
                y=list(together[:counted]),
                mode="lines+markers",
                name="all so far",
                line={"color": _COLOUR, "width": 2.5, "shape": "hv"},
                hovertemplate="models 1 to %{x}: ε = %{y:.3g}<extra></extra>",
            ),
        ]
    )
    if counted < len(together):
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="right",
            y=0.98,
            yref="paper",
            yanchor="top",
            text=f"model {counted + 1}: no privacy, so no total",
            showarrow=False,
        )
        room_for_a_line(figure)
    figure.update_xaxes(title="models released, in order", range=[0.4, len(together) + 0.6])
    figure.update_yaxes(title="ε spent", rangemode="tozero")
    put_legend_above(figure, height=280, top=40)
    return figure
