"""Answers whether other synthetic masses than the paper's help, from the shipped runs of both."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from mammo_core import reference
from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import Strategy
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.evaluation.curves import difference_of_seeds
from mammo_core.evaluation.metrics import LOWER_IS_BETTER
from mammo_core.text.numbers import budget_name
from pages.ui.state import resources
from pages.ui.trade_off.points import SHIPPED_TEST_SETS, CurveChoices

TOLD_EPSILON = 6.0
_SITES = {"cbis-ddsm": "CBIS-DDSM", "bcdr": "BCDR"}


def show_comparison(choices: CurveChoices) -> None:
    """Draws the answer, and what its intervals cover."""
    told = do_others_help(choices)
    if told:
        st.markdown("**Do other synthetic masses help?**")
        st.markdown("\n".join(f"- {one}" for one in told))
        st.caption(
            "Intervals of the difference: over training seeds, on the same test patients (Welch). Other patients would "
            "move it further."
        )


def do_others_help(choices: CurveChoices) -> list[str]:
    """Compares the chosen synthetic masses with the paper's, or all others if the paper's are chosen.

    Returns:
        Markdown, a paragraph for each strategy with synthetic masses; none if no such strategy or test set is chosen.
    """
    sets = reference.synthetic_sets()
    others = [key for key in sets if key != reference.PAPER]
    compared = others if choices.masses == reference.PAPER else [choices.masses]
    told: list[Strategy] = [strategy for strategy in choices.strategies if strategy != "real"]
    test_sets = [name for name in choices.test_sets if name in SHIPPED_TEST_SETS]
    if not test_sets:
        return []
    return [
        _paragraph(choices, strategy, key, sets[key], test_sets)
        for strategy in told
        for key in compared
    ]


def _paragraph(
    choices: CurveChoices, strategy: Strategy, key: str, name: str, test_sets: list[str]
) -> str:
    # no patient is behind `synthetic`, or no ε protects them: noise would only blur what the masses are worth
    epsilon = math.inf if strategy == "synthetic" else TOLD_EPSILON
    found = {
        test_set: difference_of_seeds(
            *(
                _values(choices, masses, strategy, epsilon, test_set)
                for masses in (key, reference.PAPER)
            )
        )
        for test_set in test_sets
    }
    known = {test_set: one for test_set, one in found.items() if one is not None}
    at = "without noise" if math.isinf(epsilon) else f"at ε = {budget_name(epsilon)}"
    start = f"{STRATEGY_NAMES[strategy]}, {at}, with *{name}* in place of the paper's:"
    if not known:
        return f"{start} too few seeds to compare."
    label = choices.measure.removesuffix(" (lower is better)")
    told = " and ".join(f"{_in_words(one)} on {_SITES[site]}" for site, one in known.items())
    return f"{start} **{_answer(choices.metric, list(known.values()))}** {label} {told}."


def _values(
    choices: CurveChoices, masses: str, strategy: Strategy, epsilon: float, test_set: str
) -> pd.Series:
    rows = resources.measured_rows(masses, choices.evaluated_per)
    is_meant = (
        (rows["strategy"] == strategy)
        & (rows["unit"] == choices.unit)
        & (rows["target_epsilon"].astype(float) == epsilon)
        & (rows["test_set"] == test_set)
    )
    return rows[is_meant][choices.metric]


def _answer(metric: str, differences: list[Estimate]) -> str:
    sign = -1 if metric in LOWER_IS_BETTER else 1
    signs = {_direction(one) * sign for one in differences}
    if signs == {0}:
        return "no difference shows."
    if len(signs) == 1:
        return "they help." if signs == {1} else "they are worse."
    if signs == {1, -1}:
        return "better on one test set, worse on the other."
    return f"{'better' if 1 in signs else 'worse'} on one test set only."


def _direction(difference: Estimate) -> int:
    """Returns 1 or -1 if the whole interval is above or below 0, else 0."""
    return int(difference.low > 0) - int(difference.high < 0)


def _in_words(difference: Estimate) -> str:
    if difference.low == difference.high:
        return _directed(difference.value)
    ends = sorted((difference.low, difference.high), key=abs)
    if ends[0] * ends[1] >= 0:  # both in the direction of the value, which is named once
        interval = f"{_size(ends[0])} to {_size(ends[1])}"
    else:
        interval = f"{_directed(difference.low)} to {_directed(difference.high)}"
    return f"{_directed(difference.value)} (95 %: {interval})"


def _directed(value: float) -> str:
    return f"{_size(value)} {'higher' if value > 0 else 'lower'}"


def _size(value: float) -> str:
    return f"{abs(value):.3f}".removeprefix("0")
