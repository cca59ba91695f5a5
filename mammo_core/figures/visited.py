"""Draws the models that somebody has trained one after the other: AUROC against ε, a point for each."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mammo_core.evaluation.patients import EvaluationUnit
from mammo_core.figures.plotly_text import plotly_text
from mammo_core.figures.style import (
    TEST_SET_COLOURS,
    draw_budget_axis,
    faded,
    figure_with_infinity,
    put_legend_above,
    ring,
)
from mammo_core.figures.trade_off import measure_label

_RANGE = (0.05, 60.0)  # of ε, at least
_AUROCS, _ROOM = (0.45, 0.8), 0.03  # likewise
_TICKS = (0.01, 0.1, 1, 10, 100, 1000)
_LEFT: Any = 1  # plotly takes a number, but says "all"


def visited_figure(
    points: pd.DataFrame,
    *,
    epsilon: float,
    seed: int,
    evaluated_per: EvaluationUnit = "mass",
    paper: pd.DataFrame | None = None,
) -> go.Figure:
    """Draws a line per test set through the models of one seed; those of other seeds are fainter dots.

    Args:
        points: Models in the order they were trained, a row per model and test set: test_set, epsilon (asked for,
            infinite without privacy), seed, value, low, high.
        epsilon: Of the model to put a ring around.
        seed: Of the models to draw lines through.
        evaluated_per: Names the vertical axis.
        paper: The paper's points of the same strategy, as `reference.paper_points` makes them.

    Returns:
        A figure with ε on a log axis, and a column apart for models without privacy, whose level is a dotted line.
    """
    figure = figure_with_infinity()
    colours = {
        name: TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)]
        for index, name in enumerate(dict.fromkeys(points["test_set"]))
    }
    if paper is not None:
        for name, colour in colours.items():
            _add_paper(figure, paper[paper["test_set"] == name], name, colour)
    for name, colour in colours.items():
        mine = points[points["test_set"] == name].sort_values("epsilon", kind="stable")
        _add_models(figure, mine[mine["seed"] != seed], name, colour, joined=False)
        _add_models(figure, mine[mine["seed"] == seed], name, colour, joined=True)
        shown = mine[(mine["seed"] == seed) & (mine["epsilon"] == epsilon)]
        for value in shown["value"]:
            x, column = (epsilon, 1) if epsilon < math.inf else (0.0, 2)
            figure.add_trace(
                ring(x, value, size=16, colour=colour, name=f"{plotly_text(name)}, this model"),
                row=1,
                col=column,
            )
    figure.add_trace(go.Scatter(x=[0.0], y=[None], showlegend=False), row=1, col=2)  # its axis
    private = points["epsilon"][points["epsilon"] < math.inf]
    low, high = min([_RANGE[0], *private]), max([_RANGE[1], *private])
    draw_budget_axis(figure, low, high, _TICKS)
    lowest, highest = points["value"].min() - _ROOM, points["value"].max() + _ROOM
    figure.update_yaxes(range=[min(_AUROCS[0], lowest), max(_AUROCS[1], highest)])
    figure.update_yaxes(title=measure_label("auroc", evaluated_per), col=1)
    put_legend_above(figure, height=440)
    return figure


def _add_models(
    figure: go.Figure, models: pd.DataFrame, name: str, colour: str, *, joined: bool
) -> None:
    label = plotly_text(name)
    for is_private, column in ((True, 1), (False, 2)):
        part = models[(models["epsilon"] < math.inf) == is_private]
        if part.empty and not (joined and is_private):
            continue
        figure.add_trace(
            go.Scatter(
                x=part["epsilon"].tolist() if is_private else [0.0] * len(part),
                y=part["value"].tolist(),
                mode="lines+markers" if joined and is_private else "markers",
                name=label
                if joined and is_private
                else f"{label}, {'∞' if joined else 'other seeds'}",
                showlegend=joined and is_private,
                line={"color": colour, "width": 2},
                marker={
                    "color": colour if joined else faded(colour, 0.35),
                    "size": 8 if joined else 6,
                    "symbol": "circle" if is_private else "square",
                },
                text=[_describe(model, label) for model in part.itertuples()],
                hovertemplate="%{text}<extra></extra>",
            ),
            row=1,
            col=column,
        )
        if joined and not is_private:
            level = {"color": faded(colour, 0.6), "width": 1, "dash": "dot"}
            figure.add_hline(y=part["value"].iloc[-1], line=level, col=_LEFT)


def _add_paper(figure: go.Figure, points: pd.DataFrame, name: str, colour: str) -> None:
    for is_private, column in ((True, 1), (False, 2)):
        part = points[(points["target_epsilon"] < math.inf) == is_private]
        if part.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=part["target_epsilon"].tolist() if is_private else [0.0] * len(part),
                y=part["mean"].tolist(),
                mode="markers",
                name=f"{plotly_text(name)}, the paper",
                showlegend=is_private,
                marker={"color": colour, "size": 9, "symbol": "diamond-open"},
                text=part["trained_part"],
                hovertemplate="the paper, %{text}: %{y:.3f}<extra></extra>",
            ),
            row=1,
            col=column,
        )


def _describe(model: Any, label: str) -> str:
    budget = "no privacy (not DP)" if math.isinf(model.epsilon) else f"ε = {model.epsilon:g}"
    return (
        f"<b>{label}</b><br>{budget}, seed {model.seed}<br>AUROC {model.value:.3f} "
        f"(95 %: {model.low:.3f} to {model.high:.3f})"
    )
