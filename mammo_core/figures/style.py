"""What all figures share: colours (Okabe and Ito 2008, for all eyes), axes, rings and the place of legends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mammo_core.config.runs import Strategy

STRATEGY_COLOURS: dict[Strategy, str] = {
    "real": "#0072B2",
    "real+synthetic": "#009E73",
    "synthetic": "#E69F00",
    "pretrain": "#CC5FA0",
}
TEST_SET_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC5FA0", "#E69F00")
CLASS_COLOURS = {"benign": "#56B4E9", "malignant": "#D55E00"}
NEUTRAL = "#888888"
LEGEND_ABOVE = {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0}  # in a row
_LINE_PX, _GAP_PX = 21, 75  # of a legend below the axes
_ROOM = 1.2  # also for the type of a big screen


def faded(colour: str, opacity: float) -> str:
    """Writes a hex colour as rgba text.

    Example:
        >>> faded("#0072B2", 0.2)
        'rgba(0, 114, 178, 0.2)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def band(
    x: Iterable[float],
    low: Iterable[float],
    high: Iterable[float],
    *,
    of: str,
    colour: str,
    opacity: float,
    name: str = "",
) -> go.Scatter:
    """Shades what lies between two lines.

    Args:
        x: (G,) of both lines.
        low: (G,), the lower line.
        high: (G,), the upper line.
        of: Name of the line that it belongs to; in tables its numbers stand beside it.
        name: In the legend; without it, the band is not listed.
    """
    there, upper, lower = list(x), list(high), list(low)
    return go.Scatter(
        x=[*there, *there[::-1]],
        y=[*upper, *lower[::-1]],
        mode="lines",  # left to itself, plotly dots the corners of few points
        fill="toself",
        fillcolor=faded(colour, opacity),
        line={"width": 0},
        hoverinfo="skip",
        name=name or None,
        showlegend=bool(name),
        meta={"band_of": of},
    )


def diagonal(name: str, *, start: float = 0.0, in_legend: bool = True) -> go.Scatter:
    """Draws the line y = x up to 1."""
    return go.Scatter(
        x=[start, 1],
        y=[start, 1],
        mode="lines",
        line={"color": NEUTRAL, "width": 1, "dash": "dot"},
        name=name,
        hoverinfo="skip",
        showlegend=in_legend,
    )


def ring(
    x: float, y: float, *, size: int, colour: str = NEUTRAL, name: str = "", hover: str = ""
) -> go.Scatter:
    """Draws an open circle around a point, outside the legend; without a hover text it is not touched."""
    return go.Scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker={"symbol": "circle-open", "size": size, "color": colour, "line": {"width": 3}},
        name=name,
        showlegend=False,
        hovertemplate=f"{hover}<extra></extra>" if hover else None,
        hoverinfo=None if hover else "skip",
    )


def figure_with_infinity() -> go.Figure:
    """Returns a figure whose second column holds what was trained without privacy."""
    figure = make_subplots(
        cols=2, shared_yaxes=True, column_widths=[0.84, 0.16], horizontal_spacing=0.03
    )
    figure.update_xaxes(
        range=[-0.6, 0.6],
        tickvals=[0],
        ticktext=["∞<br>no privacy<br>(not DP)"],
        tickangle=0,
        showgrid=False,
        ticklabeloverflow="allow",
        col=2,
    )
    figure.update_layout(meta={"infinity": "x2"})
    return figure


def draw_budget_axis(
    figure: go.Figure, low: float, high: float, ticks: Iterable[float], *, room: float = 0.08
) -> None:
    """Gives the first column of a `figure_with_infinity` its logarithmic axis of ε.

    Args:
        low: Lowest ε that is drawn, above 0.
        high: Highest one, finite.
        ticks: Of them, those from low to high are written.
        room: Beyond both ends, in decades.
    """
    shown = [tick for tick in ticks if low <= tick <= high]
    figure.update_xaxes(
        type="log",
        range=[math.log10(low) - room, math.log10(high) + room],
        tickvals=shown,
        ticktext=[f"{tick:g}" for tick in shown],
        title="privacy budget ε (log scale)",
        col=1,
    )


def layout_of(figure: go.Figure) -> Any:
    """Returns the layout of a figure; plotly computes its attributes, so they have no types."""
    return figure.layout


def traces_of(figure: go.Figure) -> Iterable[Any]:
    """Returns the traces of a figure; they have no types either."""
    return figure.data


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """Returns the options of a plotly axis on a logarithmic scale.

    Args:
        values: What is drawn, each above 0 and finite; the ticks cover it.

    Example:
        >>> log_axis([0.2, 4])["ticktext"]
        ['0.1', '0.3', '1', '3', '10']
    """
    drawn = list(values)
    lowest, highest = math.floor(math.log10(min(drawn))), math.ceil(math.log10(max(drawn)))
    decades = highest - lowest
    digits = (1, 2, 3, 5, 7) if decades <= 1 else (1, 3) if decades <= 4 else (1,)
    ticks = [
        digit * 10.0**power
        for power in range(lowest, highest + 1)
        for digit in digits
        if digit == 1 or power < highest
    ]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def room_for_a_line(figure: go.Figure) -> None:
    """Ends the vertical axis so far above bars and points that a line of words at its top covers none of them."""
    highest = max((max(trace.y, default=0) for trace in traces_of(figure)), default=0)
    figure.update_yaxes(range=[0, _ROOM * (highest or 1)])


def put_legend_above(figure: go.Figure, *, height: int, top: int = 10) -> None:
    """Sets the height and narrow margins, in pixels, and lists the legend in a row above the axes."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": top, "b": 10},
        legend=LEGEND_ABOVE,
    )


def put_legend_below(figure: go.Figure, *, plot_height: int) -> None:
    """Lists the legend under the axes and makes the figure as much taller.

    Args:
        plot_height: Of the figure without its legend, in pixels.
    """
    entries = sum(trace.showlegend is not False for trace in traces_of(figure))
    figure.update_layout(
        height=plot_height + _LINE_PX * entries,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={
            "orientation": "v",
            "yref": "paper",
            "yanchor": "top",
            "y": -_GAP_PX / (plot_height - _GAP_PX),
            "x": 0,
        },
    )
