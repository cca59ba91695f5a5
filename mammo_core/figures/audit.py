"""Draws claimed and audited privacy on one axis: a claim bounds ε from above, an audit from below."""

from __future__ import annotations

import math
from itertools import cycle
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mammo_core.figures.style import (
    NEUTRAL,
    TEST_SET_COLOURS,
    figure_with_infinity,
    log_axis,
    put_legend_below,
)

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross")
_LEFT: Any = 1  # plotly takes a number, but says "all"
_NOTHING_FOUND = 0.01  # where an audited ε of 0 is drawn on the logarithmic axis


def audit_figure(audits: pd.DataFrame, chosen: float | None = None) -> go.Figure:
    """Draws audited lower bounds over the claimed ε, logarithmic, with "no privacy (not DP)" apart on the right.

    Args:
        audits: Of one strategy and unit, columns epsilon, method, audited_epsilon, confidence; an ε may be infinite.
        chosen: A claimed ε to mark with a line; None or infinity marks none.
    """
    figure = figure_with_infinity()
    claimed = audits[audits["epsilon"] < math.inf]["epsilon"]
    found = audits["audited_epsilon"][audits["audited_epsilon"] < math.inf]
    low = min([0.1, *claimed])
    high = max([10.0, *claimed, *found])
    figure.add_trace(
        go.Scatter(
            x=[low, high],
            y=[low, high],
            mode="lines",
            line={"color": NEUTRAL, "width": 2.5},
            name="claimed: never above",
            hovertemplate="claimed ε = %{y:.3g}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    marks = zip(cycle(TEST_SET_COLOURS), cycle(_SYMBOLS), strict=False)
    for (method, points), (colour, symbol) in zip(audits.groupby("method"), marks, strict=False):
        is_first = True
        for column, part in (
            (1, points[points["epsilon"] < math.inf].sort_values("epsilon")),
            (2, points[points["epsilon"] == math.inf]),
        ):
            if part.empty:
                continue
            nothing = part["audited_epsilon"] <= _NOTHING_FOUND
            figure.add_trace(
                go.Scatter(
                    x=part["epsilon"] if column == 1 else [0.0] * len(part),
                    y=part["audited_epsilon"].clip(lower=_NOTHING_FOUND),
                    mode="lines+markers" if column == 1 else "markers",
                    line={"color": colour, "width": 1, "dash": "dot"},
                    marker={
                        "color": colour,
                        "size": 10,
                        "symbol": [f"{symbol}-open" if none else symbol for none in nothing],
                        "line": {"width": 2, "color": colour},
                    },
                    name=f"audited: {method}",
                    legendgroup=method,
                    showlegend=is_first,
                    text=[_describe(point) for point in part.itertuples()],
                    hovertemplate="%{text}<extra></extra>",
                ),
                row=1,
                col=column,
            )
            is_first = False
    if chosen is not None and low <= chosen <= high:
        line = {"color": NEUTRAL, "width": 1, "dash": "dash"}
        figure.add_vline(x=chosen, line=line, col=_LEFT)
    figure.update_xaxes(
        range=[math.log10(low) - 0.08, math.log10(high) + 0.08],
        **_ticks(low, high),
        title="claimed ε (log scale)",
        col=1,
    )
    figure.update_yaxes(
        range=[math.log10(_NOTHING_FOUND) - 0.15, math.log10(high) + 0.15],
        **_ticks(_NOTHING_FOUND, high),
    )
    figure.update_yaxes(title="ε (log scale)", col=1)
    put_legend_below(figure, plot_height=380)
    return figure


def _ticks(low: float, high: float) -> dict[str, Any]:
    axis = log_axis([low, high])
    if low == _NOTHING_FOUND:
        axis["ticktext"][0] = "0"
    return axis


def _describe(point: Any) -> str:
    claimed = "no privacy" if math.isinf(point.epsilon) else f"claimed ε = {point.epsilon:.3g}"
    return (
        f"<b>{point.method}</b><br>{claimed}<br>audited ε ≥ {point.audited_epsilon:.3g} "
        f"({point.confidence:.0%} confidence)"
    )
