"""Draws the scores of one mass along ε, beside the scores of benign and malignant test masses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.style import CLASS_COLOURS, NEUTRAL, faded, put_legend_above
from mammo_core.text.numbers import budget_name

_SIDES = {"benign": -0.22, "malignant": 0.22}  # of each budget's place on the axis
_SPREAD = 0.16  # of the single models around it


@dataclass(frozen=True, eq=False)
class BudgetScores:
    """One budget of the figure.

    Attributes:
        epsilon: Infinity without DP.
        scores: (R,) of the mass, one per model.
        thresholds: (R,), a score at or above its model's own is called malignant; NaN for none.
        benign, malignant: (Q,) quantiles of test scores, evenly spaced from the lowest to the highest.
    """

    epsilon: float
    scores: np.ndarray
    thresholds: np.ndarray
    benign: np.ndarray
    malignant: np.ndarray


def case_scores_figure(budgets: Sequence[BudgetScores]) -> go.Figure:
    """Draws boxes of test scores (middle half, whiskers from 10 to 90 %) and the scores of the mass as dots.

    Args:
        budgets: In the order of the axis; places are even, whatever their ε.
    """
    figure = go.Figure()
    places = np.arange(len(budgets))
    for name, side in _SIDES.items():
        figure.add_trace(_boxes(budgets, places + side, name))
    figure.add_trace(_thresholds(budgets, places))
    figure.add_trace(_means(budgets, places))
    for is_malignant in (False, True):
        figure.add_trace(_dots(budgets, places, is_malignant=is_malignant))
    figure.update_xaxes(
        title="privacy budget ε: ← better privacy · worse privacy →",
        tickvals=places,
        ticktext=[budget_name(budget.epsilon) for budget in budgets],
        range=[-0.6, len(budgets) - 0.4],
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(title="score the models give", range=[-0.02, 1.02], zeroline=False)
    put_legend_above(figure, height=430)
    return figure


def _boxes(budgets: Sequence[BudgetScores], x: np.ndarray, name: str) -> go.Box:
    colour = CLASS_COLOURS[name]
    levels = {
        "lowerfence": 0.1,
        "q1": 0.25,
        "median": 0.5,
        "q3": 0.75,
        "upperfence": 0.9,
    }
    drawn = {
        key: [
            float(np.interp(level, np.linspace(0, 1, len(values)), values))
            for values in (getattr(budget, name) for budget in budgets)
        ]
        for key, level in levels.items()
    }
    return go.Box(
        x=x,
        **drawn,
        width=0.2,
        name=f"{name} test masses",
        line={"color": colour, "width": 2},
        fillcolor=faded(colour, 0.35 if name == "malignant" else 0.12),
        hoverinfo="y",
    )


def _thresholds(budgets: Sequence[BudgetScores], places: np.ndarray) -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    for place, budget in zip(places, budgets, strict=True):
        if not np.isnan(budget.thresholds).all():
            mean = float(np.nanmean(budget.thresholds))
            x += [place - 0.4, place + 0.4, None]
            y += [mean, mean, None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": NEUTRAL, "width": 2.5, "dash": "dot"},
        name="threshold, mean over models",
        hovertemplate="threshold %{y:.2f}, mean over the models<extra></extra>",
    )


def _means(budgets: Sequence[BudgetScores], places: np.ndarray) -> go.Scatter:
    return go.Scatter(
        x=places,
        y=[float(budget.scores.mean()) for budget in budgets],
        mode="lines",
        line={"color": NEUTRAL, "width": 2},
        name="this mass, mean",
        showlegend=False,
        hoverinfo="skip",
    )


def _dots(budgets: Sequence[BudgetScores], places: np.ndarray, *, is_malignant: bool) -> go.Scatter:
    """Draws the models that call the mass so; the shape tells them apart, too."""
    x: list[float] = []
    y: list[float] = []
    for place, budget in zip(places, budgets, strict=True):
        count = len(budget.scores)
        spread = np.linspace(-_SPREAD, _SPREAD, count) if count > 1 else np.zeros(1)
        called = (budget.scores >= budget.thresholds) == is_malignant  # NaN: not called malignant
        x += (place + spread[called]).tolist()
        y += budget.scores[called].tolist()
    call = "called malignant" if is_malignant else "not called malignant"
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={
            "symbol": "triangle-up" if is_malignant else "circle",
            "size": 12 if is_malignant else 8,
            "color": "#1d1a20" if is_malignant else "#ffffff",
            "line": {"color": "#ffffff" if is_malignant else "#1d1a20", "width": 2},
        },
        name=f"this mass, {call}",
        hovertemplate=f"this mass: %{{y:.2f}}, {call} by this model<extra></extra>",
    )
