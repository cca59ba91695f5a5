"""Draws the trade-off curve: a measure of diagnostic accuracy against the privacy budget ε, for one test set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mammo_core.config.runs import Strategy
from mammo_core.evaluation.patients import EvaluationUnit
from mammo_core.figures.style import STRATEGY_COLOURS, figure_with_infinity, put_legend_above, ring
from mammo_core.figures.trade_off_marks import (
    OWN,
    SHIPPED,
    add_measured,
    add_paper,
    add_seeds,
    point_id,
)

METRIC_LABELS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
    "brier": "Brier score (lower is better)",
}


def measure_label(metric: str, evaluated_per: EvaluationUnit = "mass") -> str:
    """Names a measure; that it is per mass goes without saying.

    Example:
        >>> measure_label("auroc"), measure_label("brier", "patient")
        ('AUROC', 'Brier score per patient (lower is better)')
    """
    name, _, note = METRIC_LABELS[metric].partition(" (")
    return " (".join(
        filter(None, (f"{name} per patient" if evaluated_per == "patient" else name, note))
    )


_Set = tuple[str, pd.DataFrame, pd.DataFrame | None]  # origin, points, single runs
_EPSILON_TICKS = [0.05, 0.1, 0.3, 1, 3, 6, 20, 60, 1000]


def trade_off_figure(
    points: pd.DataFrame,
    *,
    metric: str = "auroc",
    evaluated_per: EvaluationUnit = "mass",
    paper: pd.DataFrame | None = None,
    own: pd.DataFrame | None = None,
    seeds: pd.DataFrame | None = None,
    own_seeds: pd.DataFrame | None = None,
    value_range: tuple[float, float] | None = None,
    epsilon_range: tuple[float, float] | None = None,
    chosen: str | None = None,
    banded: Strategy | None = None,
) -> go.Figure:
    """Draws curves over ε on a log axis, with "no privacy (not DP)" apart on the right.

    Colour tells the strategy. Shipped results are filled circles on solid lines; results of one's own
    are stars on dash-dotted lines; the paper's are open diamonds on dashed lines. Every measured point
    carries its `point_id` as custom data, so that a click names it.

    Args:
        points: Of one test set and one unit, as `summary.curve_points` makes them.
        metric, evaluated_per: Name the vertical axis.
        paper: The paper's points of the same test set, as `reference.paper_points` makes them.
        own: Points like `points`, of runs of one's own.
        seeds: Single runs, columns as `results_file.COLUMNS`: drawn as dots, in place of the bands.
        own_seeds: The same of one's own.
        value_range: Of the vertical axis, to give several figures the same; None fits the data.
        epsilon_range: Of the horizontal axis; None fits the data.
        chosen: The `point_id` of a point to put a ring around.
        banded: The only strategy whose intervals are drawn; None draws all of them.

    Returns:
        A figure with one line, interval band and non-private level per strategy.
    """
    figure = figure_with_infinity()
    sets: list[_Set] = [(SHIPPED, points, seeds)]
    if own is not None:
        sets.append((OWN, own, own_seeds))
    for origin, part, single in sets:
        for strategy in STRATEGY_COLOURS:
            mine = part[part["strategy"] == strategy].sort_values("target_epsilon")
            if mine.empty:
                continue
            is_banded = single is None and banded in (None, strategy)
            add_measured(figure, strategy, mine, origin, with_interval=is_banded)
            if single is not None:
                add_seeds(figure, strategy, single[single["strategy"] == strategy], metric, origin)
    if paper is not None:
        for index, strategy in enumerate(sorted(set(paper["strategy"]))):
            theirs = paper[paper["strategy"] == strategy].sort_values("target_epsilon")
            add_paper(figure, strategy, theirs, in_legend=index == 0)
    if chosen:
        _ring(figure, sets, chosen)
    low, high = epsilon_range or _epsilon_range(sets)
    ticks = [tick for tick in _EPSILON_TICKS if low <= tick <= high]
    figure.update_xaxes(
        type="log",
        range=[math.log10(low) - 0.08, math.log10(high) + 0.08],
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
        title="privacy budget ε (log scale)",
        col=1,
    )
    figure.update_yaxes(title=measure_label(metric, evaluated_per), range=value_range, col=1)
    put_legend_above(figure, height=520, top=35)
    figure.update_layout(
        legend={"traceorder": "normal"},
        hovermode="closest",
        clickmode="event+select",
        dragmode="zoom",
    )
    return figure


def _epsilon_range(sets: list[_Set]) -> tuple[float, float]:
    budgets = pd.concat([part["target_epsilon"] for _, part, _ in sets])
    private = budgets[budgets < math.inf]
    return (private.min(), private.max()) if len(private) else (1.0, 60.0)


def _ring(figure: go.Figure, sets: list[_Set], chosen: str) -> None:
    """A ring around one point, if it is drawn here."""
    for origin, part, _ in sets:
        for epsilon, value, name in _places(part, origin):
            if name == chosen:
                is_private = epsilon < math.inf
                x, column = (epsilon, 1) if is_private else (0.0, 2)
                figure.add_trace(ring(x, value, size=20, name="chosen"), row=1, col=column)


def _places(points: pd.DataFrame, origin: str) -> Iterator[tuple[float, float, str]]:
    """Yields ε, value and id of every point."""
    row: Any
    for row in points.itertuples():
        yield row.target_epsilon, row.mean, point_id(row, origin)
