"""The trade-off curve: a measure of diagnostic accuracy against the privacy budget ε, for one test set."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mammo_core.figures.palette import STRATEGY_COLOURS, STRATEGY_NAMES, faded

METRIC_LABELS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
    "brier": "Brier score (lower is better)",
}
_PAPER = "the paper, same colours"
_EPSILON_TICKS = [0.05, 0.1, 0.3, 1, 3, 6, 20, 60, 300, 1000]


def trade_off_figure(
    points: pd.DataFrame,
    *,
    metric: str = "auroc",
    paper: pd.DataFrame | None = None,
    value_range: tuple[float, float] | None = None,
) -> go.Figure:
    """Curves over ε on a log axis, with "no privacy (not DP)" apart on the right.

    Args:
        points: Of one test set and one unit, as `summary.curve_points` makes them.
        metric: Names the vertical axis.
        paper: The paper's points of the same test set, as `reference.paper_points` makes them.
        value_range: Of the vertical axis, to give several figures the same; None fits the data.

    Returns:
        A figure with one line, interval band and non-private level per strategy.
    """
    figure = make_subplots(
        cols=2, shared_yaxes=True, column_widths=[0.84, 0.16], horizontal_spacing=0.03
    )
    for strategy in STRATEGY_COLOURS:
        own = points[points["strategy"] == strategy].sort_values("target_epsilon")
        if not own.empty:
            _add_measured(figure, strategy, own)
    if paper is not None:
        for index, (strategy, theirs) in enumerate(paper.groupby("strategy")):
            _add_paper(figure, strategy, theirs.sort_values("target_epsilon"), in_legend=index == 0)
    private = points[points["target_epsilon"] < math.inf]["target_epsilon"]
    low, high = (private.min(), private.max()) if len(private) else (1, 60)
    ticks = [tick for tick in _EPSILON_TICKS if low <= tick <= high]
    figure.update_xaxes(
        type="log",
        range=[math.log10(low) - 0.08, math.log10(high) + 0.08],
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
        title="privacy budget ε (log scale, smaller is more private)",
        col=1,
    )
    figure.update_xaxes(range=[-0.6, 0.6], tickvals=[0], ticktext=["∞"], showgrid=False, col=2)
    figure.add_annotation(
        text="no privacy<br>(not DP)",
        showarrow=False,
        x=0.5,
        xref="x2 domain",
        y=1.0,
        yref="paper",
        yanchor="bottom",
    )
    figure.update_yaxes(title=METRIC_LABELS[metric], range=value_range, col=1)
    figure.update_layout(
        height=470,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "traceorder": "normal"},
        hovermode="closest",
    )
    return figure


def _add_measured(figure: go.Figure, strategy: str, points: pd.DataFrame) -> None:
    colour, name = STRATEGY_COLOURS[strategy], STRATEGY_NAMES[strategy]
    private = points[points["target_epsilon"] < math.inf]
    hover = [_describe(point) for point in private.itertuples()]
    figure.add_trace(
        go.Scatter(
            x=[*private["target_epsilon"], *private["target_epsilon"][::-1]],
            y=[*private["high"], *private["low"][::-1]],
            fill="toself",
            fillcolor=faded(colour, 0.09),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Scatter(
            x=private["target_epsilon"],
            y=private["mean"],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2.5},
            marker={"size": 8},
            text=hover,
            hovertemplate="%{text}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    for point in points[points["target_epsilon"] == math.inf].itertuples():
        figure.add_trace(
            go.Scatter(
                x=[0],
                y=[point.mean],
                error_y={
                    "type": "data",
                    "array": [point.high - point.mean],
                    "arrayminus": [point.mean - point.low],
                    "thickness": 1.5,
                },
                mode="markers",
                marker={"color": colour, "size": 10, "symbol": "square"},
                name=f"{name}, no privacy",
                showlegend=False,
                text=[_describe(point)],
                hovertemplate="%{text}<extra></extra>",
            ),
            row=1,
            col=2,
        )
        figure.add_hline(
            y=point.mean, line={"color": faded(colour, 0.6), "width": 1, "dash": "dot"}, col=1
        )


def _add_paper(figure: go.Figure, strategy: str, points: pd.DataFrame, *, in_legend: bool) -> None:
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
            ),
            row=1,
            col=2,
        )


def _describe(point: object) -> str:
    spent = "no privacy (not DP)"
    if point.target_epsilon < math.inf:
        spent = f"ε = {point.target_epsilon:g}, spent {point.epsilon:.4g}"
    return (
        f"<b>{STRATEGY_NAMES[point.strategy]}</b><br>{spent}<br>{point.mean:.3f} "
        f"({point.low:.3f} to {point.high:.3f})<br>{point.num_seeds} seeds: "
        f"{point.seed_low:.3f} to {point.seed_high:.3f}"
    )


def _describe_paper(point: object) -> str:
    epsilon = f"ε = {point.target_epsilon:g}" if point.target_epsilon < math.inf else "no privacy"
    return (
        f"<b>paper, {STRATEGY_NAMES[point.strategy]}</b><br>{epsilon}, {point.trained_part}<br>"
        f"AUROC {point.mean:.3f}, seeds {point.seed_low:.3f} to {point.seed_high:.3f}"
    )
