"""Draws the marks of the trade-off curve: lines, bands and dots of measured runs, and the paper's points."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import Strategy
from mammo_core.figures.style import STRATEGY_COLOURS, band, faded

SHIPPED, OWN = "shipped", "own"
_PAPER = "the paper, same colours"
_STYLES = {
    SHIPPED: {"dash": "solid", "symbol": "circle", "symbol_at_infinity": "square", "size": 8},
    OWN: {"dash": "dashdot", "symbol": "star", "symbol_at_infinity": "star-square", "size": 11},
}
_LEFT: Any = 1  # plotly takes a number, but says "all"
_NOT_FADED = {"marker": {"opacity": 1.0}}  # a click must not fade the other points


def point_id(point: Any, origin: str) -> str:
    """Names a point for links and clicks, as in "shipped/pretrain/patient/6/bcdr".

    Args:
        point: A row of `summary.curve_points`.
        origin: `SHIPPED` or `OWN`.
    """
    return f"{origin}/{point.strategy}/{point.unit}/{point.target_epsilon:g}/{point.test_set}"


def add_measured(
    figure: go.Figure, strategy: Strategy, points: pd.DataFrame, origin: str, *, with_interval: bool
) -> None:
    """Draws line and band over the private budgets, and apart the level without privacy."""
    colour, style = STRATEGY_COLOURS[strategy], _STYLES[origin]
    name = STRATEGY_NAMES[strategy] + (", your runs" if origin == OWN else "")
    private = points[points["target_epsilon"] < math.inf]
    if with_interval and len(private) > 1:
        figure.add_trace(
            band(
                private["target_epsilon"],
                private["low"],
                private["high"],
                of=name,
                colour=colour,
                opacity=0.13,
            ),
            row=1,
            col=1,
        )
    figure.add_trace(
        go.Scatter(
            x=private["target_epsilon"],
            y=private["mean"],
            error_y=_interval(private) if with_interval and len(private) == 1 else None,
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2.5, "dash": style["dash"]},
            marker={"size": style["size"], "symbol": style["symbol"]},
            text=[_describe(point, name) for point in private.itertuples()],
            customdata=[point_id(point, origin) for point in private.itertuples()],
            hovertemplate="%{text}<extra></extra>",
            unselected=_NOT_FADED,
        ),
        row=1,
        col=1,
    )
    unlimited = points[points["target_epsilon"] == math.inf]
    point: Any
    for point in unlimited.itertuples():
        figure.add_trace(
            go.Scatter(
                x=[0],
                y=[point.mean],
                error_y=_interval(unlimited) if with_interval else None,
                mode="markers",
                marker={"color": colour, "size": 10, "symbol": style["symbol_at_infinity"]},
                name=f"{name}, no privacy",
                showlegend=False,
                text=[_describe(point, name)],
                customdata=[point_id(point, origin)],
                hovertemplate="%{text}<extra></extra>",
                unselected=_NOT_FADED,
            ),
            row=1,
            col=2,
        )
        if origin == SHIPPED:
            level = {"color": faded(colour, 0.6), "width": 1, "dash": "dot"}
            figure.add_hline(y=point.mean, line=level, col=_LEFT)


def _interval(points: pd.DataFrame) -> dict[str, Any]:
    """Error bars of the interval, where there is no line to draw a band along."""
    return {
        "type": "data",
        "array": points["high"] - points["mean"],
        "arrayminus": points["mean"] - points["low"],
        "thickness": 1.5,
    }


def add_seeds(
    figure: go.Figure, strategy: Strategy, rows: pd.DataFrame, metric: str, origin: str
) -> None:
    """Draws every single run as a small dot."""
    for is_private, column in ((True, 1), (False, 2)):
        part = rows[(rows["target_epsilon"].astype(float) < math.inf) == is_private]
        if part.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=part["target_epsilon"].astype(float) if is_private else [0.0] * len(part),
                y=part[metric],
                mode="markers",
                marker={
                    "color": faded(STRATEGY_COLOURS[strategy], 0.45),
                    "size": 5,
                    "symbol": _STYLES[origin]["symbol"],
                },
                name=f"{STRATEGY_NAMES[strategy]}, every seed",
                showlegend=False,
                customdata=part["seed"],
                hovertemplate="seed %{customdata}: %{y:.3f}<extra></extra>",
                unselected={"marker": {"opacity": 0.45}},
            ),
            row=1,
            col=column,
        )


def add_paper(
    figure: go.Figure, strategy: Strategy, points: pd.DataFrame, *, in_legend: bool
) -> None:
    """Draws the paper's points: open diamonds, bars from its lowest to its highest seed."""
    colour = STRATEGY_COLOURS[strategy]
    private = points[points["target_epsilon"] < math.inf]
    figure.add_trace(
        go.Scatter(
            x=private["target_epsilon"],
            y=private["mean"],
            mode="lines+markers",
            name=_PAPER,
            showlegend=in_legend,
            line={"color": faded(colour, 0.7), "width": 1, "dash": "dash"},
            marker={"color": colour, "size": 9, "symbol": "diamond-open"},
            error_y={
                "type": "data",
                "array": private["seed_high"] - private["mean"],
                "arrayminus": private["mean"] - private["seed_low"],
                "thickness": 1,
                "width": 3,
            },
            text=[_describe_paper(point) for point in private.itertuples()],
            hovertemplate="%{text}<extra></extra>",
            unselected=_NOT_FADED,
        ),
        row=1,
        col=1,
    )
    for point in points[points["target_epsilon"] == math.inf].itertuples():
        figure.add_trace(
            go.Scatter(
                x=[0.25 if point.trained_part == "full model" else -0.25],
                y=[point.mean],
                mode="markers",
                marker={"color": colour, "size": 10, "symbol": "diamond-open"},
                name=_PAPER,
                showlegend=False,
                text=[_describe_paper(point)],
                hovertemplate="%{text}<extra></extra>",
                unselected=_NOT_FADED,
            ),
            row=1,
            col=2,
        )


def _describe(point: Any, name: str) -> str:
    spent = "no privacy (not DP)"
    if point.target_epsilon < math.inf:
        spent = f"ε = {point.target_epsilon:g}, spent {point.epsilon:.4g}"
    return (
        f"<b>{name}</b><br>{spent}<br>{point.mean:.3f} "
        f"({point.low:.3f} to {point.high:.3f})<br>{point.num_seeds} seeds: "
        f"{point.seed_low:.3f} to {point.seed_high:.3f}"
    )


def _describe_paper(point: Any) -> str:
    epsilon = f"ε = {point.target_epsilon:g}" if point.target_epsilon < math.inf else "no privacy"
    return (
        f"<b>paper, {STRATEGY_NAMES[point.strategy]}</b><br>{epsilon}, {point.trained_part}<br>"
        f"AUROC {point.mean:.3f}, seeds {point.seed_low:.3f} to {point.seed_high:.3f}"
    )
