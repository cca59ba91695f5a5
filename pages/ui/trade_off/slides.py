"""The slides of the Trade-off page. Every number is read from the results."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.config.names import TEST_SET_NAMES
from mammo_core.config.runs import PAPER_DELTA, Strategy, Unit
from mammo_core.figures.attacker import attacker_figure
from mammo_core.figures.trade_off import METRIC_LABELS, trade_off_figure
from mammo_core.privacy.accounting.gaussian import mu_for
from mammo_core.privacy.accounting.risk import attacker_curve, attacker_tpr
from mammo_core.results.shipped_statement import shipped_training_data
from pages.ui.components.slides import Slide, show_slides
from pages.ui.state import resources
from pages.ui.trade_off.controls import choose
from pages.ui.trade_off.points import SHIPPED_TEST_SETS

STEPS = (
    "no privacy",
    "private, real masses only",
    "with synthetic masses",
    "synthetic first, then private",
    "where privacy is cheap",
    "what an attacker sees",
)
TOLD_EPSILON = 1.0
_STRATEGIES: tuple[tuple[Strategy, ...], ...] = (
    ("real",),
    ("real",),
    ("real", "real+synthetic"),
    ("real", "real+synthetic", "pretrain"),
    ("pretrain",),
)
_CHEAP = 0.01  # of the measure
_ATTACKED = (TOLD_EPSILON, 6.0, 20.0, math.inf)
_WRONGLY_FLAGGED = 0.01


def _synthetic_note(masses: str) -> str:
    if shipped_training_data(masses).origin.saw_patients:
        return (
            "The synthetic masses come from a generator that saw the same patients without differential "
            "privacy. ε covers the private training only."
        )
    return "No patient is behind the synthetic masses. ε covers everything that was learned from patients."


def show_talk() -> None:
    """Draws the slide that the URL names, for the unit, measure and test set chosen below it."""
    stage = st.container()
    with st.expander("Choices"):
        choices = choose()
    test_set = next((name for name in choices.test_sets if name in SHIPPED_TEST_SETS), "cbis-ddsm")
    with stage:
        made = slides(choices.unit, test_set, metric=choices.metric, masses=choices.masses)
        show_slides("Trade-off", made, "trade_off")


def slides(
    unit: Unit, test_set: str, *, metric: str = "auroc", masses: str = reference.PAPER
) -> dict[str, Callable[[], Slide]]:
    """Returns the slides by name, for a test set of the shipped results."""
    points = resources.measured_points(metric, masses)
    points = points[(points["unit"] == unit) & (points["test_set"] == test_set)]
    rows = resources.measured_rows()
    is_meant = (rows["unit"] == unit) & (rows["strategy"] == "real")
    make = partial(
        slide,
        points=points,
        metric=metric,
        unit=unit,
        num_units=int(rows[is_meant]["num_units"].iloc[0]),
        test_set=TEST_SET_NAMES[test_set],
        masses=masses,
    )
    return {name: partial(make, step) for step, name in enumerate(STEPS)}


def slide(
    step: int,
    points: pd.DataFrame,
    *,
    metric: str,
    unit: str,
    num_units: int,
    test_set: str,
    masses: str = reference.PAPER,
) -> Slide:
    """Makes one slide.

    Args:
        step: 0 to len(STEPS) - 1.
        points: Shipped points of all strategies with this unit on this test set.
        num_units: Patients or masses trained on.
        test_set: As it is shown.
        masses: Key of the synthetic masses.
    """
    if step == len(STEPS) - 1:
        return _attacker(unit)
    shown = points[points["strategy"].isin(_STRATEGIES[step])]
    if step == 0:
        shown = shown[shown["target_epsilon"] == math.inf]
    told = points[points["strategy"].isin(_STRATEGIES[-2])]
    private = told[told["target_epsilon"] < math.inf]["target_epsilon"]
    figure = trade_off_figure(
        shown,
        metric=metric,
        value_range=(max(0.0, told["low"].min() - 0.02), min(1.0, told["high"].max() + 0.02)),
        epsilon_range=(private.min(), private.max()),
        banded=_STRATEGIES[step][-1],
    )
    sentence = _SENTENCES[step](points, metric, unit, num_units)
    note = _synthetic_note(masses) if step >= 2 else f"{_units(num_units, unit)} to train on."
    return Slide(
        sentence,
        f"Tested on {test_set}. {note} Bands: 95 % interval for one released model.",
        figure,
        f"{METRIC_LABELS[metric]} against privacy budget on {test_set}: {sentence}",
    )


def _without_privacy(points: pd.DataFrame, metric: str, unit: str, num_units: int) -> str:
    return (
        f"Without privacy, {_label(metric)} is {_value(points, 'real', math.inf):.2f}, and the "
        f"model may reveal any of the {_units(num_units, unit)} it was trained on."
    )


def _private(points: pd.DataFrame, metric: str, unit: str, num_units: int) -> str:
    before, after = _value(points, "real", math.inf), _value(points, "real", TOLD_EPSILON)
    return (
        f"With noise that protects each {unit} at ε = {TOLD_EPSILON:g}, {_label(metric)} goes "
        f"from {before:.2f} to {after:.2f}, on real masses alone."
    )


def _with_synthetic(points: pd.DataFrame, metric: str, unit: str, num_units: int) -> str:
    before = _point(points, "real", TOLD_EPSILON)
    after = _point(points, "real+synthetic", TOLD_EPSILON)
    overlap = before["low"] <= after["high"] and after["low"] <= before["high"]
    return (
        f"Adding synthetic masses at ε = {TOLD_EPSILON:g} takes {_label(metric)} from "
        f"{before['mean']:.2f} to {after['mean']:.2f}; the intervals {'overlap' if overlap else 'are apart'}."
    )


def _synthetic_first(points: pd.DataFrame, metric: str, unit: str, num_units: int) -> str:
    best, before = _value(points, "real", math.inf), _value(points, "real", TOLD_EPSILON)
    after = _value(points, "pretrain", TOLD_EPSILON)
    regained = (after - before) / (best - before) if best != before else math.nan
    if not regained > 0:
        told = "nothing regained"
    elif regained <= 1:
        told = f"{regained:.0%} of what privacy cost regained"
    else:
        told = "all that privacy cost regained"
    return (
        f"Synthetic masses first, then private training on real ones: {_label(metric)} "
        f"{after:.2f} at ε = {TOLD_EPSILON:g}, {told}."
    )


def _cheap(points: pd.DataFrame, metric: str, unit: str, num_units: int) -> str:
    mine = points[points["strategy"] == "pretrain"].sort_values("target_epsilon")
    cost = (_value(points, "pretrain", math.inf) - mine["mean"]).abs()
    dear = mine["target_epsilon"][cost > _CHEAP].max()
    epsilon = mine["target_epsilon"][~(mine["target_epsilon"] <= dear)].min()
    if math.isinf(epsilon):
        return f"No budget measured here comes within {_CHEAP:g} of the {_label(metric)} without privacy."
    return (
        f"From ε = {epsilon:g} on, privacy costs almost nothing: {_label(metric)} stays within {_CHEAP:g} of the "
        "level without privacy."
    )


_SENTENCES = (_without_privacy, _private, _with_synthetic, _synthetic_first, _cheap)


def _attacker(unit: str) -> Slide:
    found = attacker_tpr(mu_for(TOLD_EPSILON, PAPER_DELTA), _WRONGLY_FLAGGED)
    sentence = (
        f"At ε = {TOLD_EPSILON:g}, an attacker who wrongly flags 1 of 100 outsiders identifies at most "
        f"{math.ceil(100 * found)} of 100 who took part."
    )
    names = {
        epsilon: "no privacy (not DP)" if math.isinf(epsilon) else f"ε = {epsilon:g}"
        for epsilon in _ATTACKED
    }
    figure = attacker_figure(
        {name: attacker_curve(mu_for(epsilon, PAPER_DELTA)) for epsilon, name in names.items()}
    )
    return Slide(
        sentence,
        f"Exact bound for one released model, δ = {PAPER_DELTA:g}; what ε protects: one {unit}. "
        "It says nothing about what the synthetic masses reveal.",
        figure,
        f"The most an attacker can find, for several budgets: {sentence}",
    )


def _point(points: pd.DataFrame, strategy: str, epsilon: float) -> pd.Series:
    is_meant = (points["strategy"] == strategy) & (points["target_epsilon"] == epsilon)
    return points[is_meant].iloc[0]


def _value(points: pd.DataFrame, strategy: str, epsilon: float) -> float:
    return float(_point(points, strategy, epsilon)["mean"])


def _label(metric: str) -> str:
    return METRIC_LABELS[metric].removesuffix(" (lower is better)")


def _units(num_units: int, unit: str) -> str:
    return f"{num_units} {'patients' if unit == 'patient' else 'masses'}"
