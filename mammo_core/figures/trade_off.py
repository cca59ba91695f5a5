"""Draws the trade-off curve: a measure of diagnostic accuracy against the privacy budget ε, for one test set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mammo_core.config.runs import Strategy
from mammo_core.evaluation.patients import EvaluationUnit
from mammo_core.evaluation.subgroups import MEASURES
from mammo_core.figures.style import (
    STRATEGY_COLOURS,
    TEST_SET_COLOURS,
    draw_budget_axis,
    figure_with_infinity,
    put_legend_above,
    ring,
)
from mammo_core.figures.trade_off_marks import (
    OWN,
    SHIPPED,
    add_measured,
    add_paper,
    add_seeds,
    point_id,
)
from mammo_core.text.numbers import budget_name, with_interval

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
_SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "x",
)  # so that colour is not all that tells groups apart


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
    draw_budget_axis(figure, low, high, _EPSILON_TICKS)
    figure.update_yaxes(title=measure_label(metric, evaluated_per), range=value_range, col=1)
    put_legend_above(figure, height=520, top=35)
    figure.update_layout(
        legend={"traceorder": "normal"},
        hovermode="closest",
        clickmode="event+select",
        dragmode="zoom",
    )
    return figure


def subgroups_figure(points: pd.DataFrame, measure: str) -> go.Figure:
    """Draws a measure of groups of masses over ε on a log axis, with intervals; "no privacy (not DP)" is apart on the right.

    Args:
        points: Of one test set, one strategy and one property, as `subgroups.compare_subgroups` makes them; groups without
            numbers are left out.
        measure: One of `subgroups.MEASURES`.
    """
    figure = figure_with_infinity()
    drawn = points[(points["measure"] == measure) & points["value"].notna()]
    private = drawn["target_epsilon"] < math.inf
    groups = list(dict.fromkeys(drawn["group"]))
    for index, group in enumerate(groups):
        shift = index - (len(groups) - 1) / 2  # so that no interval hides another
        colour = TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)]
        for column, mask in ((1, private), (2, ~private)):
            part = drawn[mask & (drawn["group"] == group)].sort_values("target_epsilon")
            figure.add_trace(
                go.Scatter(
                    x=part["target_epsilon"] * 1.04**shift
                    if column == 1
                    else [0.12 * shift] * len(part),
                    y=part["value"],
                    error_y={
                        "type": "data",
                        "array": part["high"] - part["value"],
                        "arrayminus": part["value"] - part["low"],
                        "thickness": 1.5,
                        "width": 3,
                    },
                    mode="lines+markers",
                    name=group,
                    showlegend=column == 1,
                    line={"color": colour, "width": 2},
                    marker={"size": 9, "symbol": _SYMBOLS[index % len(_SYMBOLS)]},
                    text=[_describe_group(one, group) for one in part.itertuples()],
                    hovertemplate="%{text}<extra></extra>",
                ),
                row=1,
                col=column,
            )
    budgets = drawn["target_epsilon"][private]
    draw_budget_axis(figure, budgets.min(), budgets.max(), sorted(set(budgets)), room=0.12)
    figure.update_yaxes(title=MEASURES[measure], col=1)
    put_legend_above(figure, height=400, top=35)
    return figure


def _describe_group(row: Any, group: str) -> str:
    """Writes what the hover says of a point."""
    return (
        f"<b>{group}</b><br>ε = {budget_name(row.target_epsilon)}<br>{with_interval(row.value, row.low, row.high)}"
        f"<br>{row.num_masses} masses of {row.num_patients} patients"
    )


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
