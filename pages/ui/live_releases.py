"""Every model that the Live page trains is a release: this session's list of them, and what they spend together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.config import PAPER_DELTA, UNITS, Unit
from mammo_core.figures.palette import STRATEGY_NAMES
from mammo_core.figures.running_total import running_total_figure

if TYPE_CHECKING:
    from mammo_core.experiments.runs import RunResult

Release = dict[str, object]


def remember(source: DataSource, result: RunResult) -> list[Release]:
    """Adds a release to this session's list for the cohort; the same configuration counts once."""
    releases = st.session_state.setdefault("live_releases", {}).setdefault(source, {})
    releases[result.config] = {
        "training data": STRATEGY_NAMES[result.config.strategy],
        "unit": result.config.privacy.unit,
        "ε": result.epsilon,
        "seed": result.config.seed,
        "μ": result.mu,
        "uses real": result.config.strategy != "synthetic",
    } | {f"AUROC {name}": part["auroc"].value for name, part in result.estimates.items()}
    return list(releases.values())


def history_table(history: list[Release]) -> pd.DataFrame:
    """The releases as a table, newest first."""
    table = pd.DataFrame(history[::-1]).drop(columns=["μ", "uses real"]).round(3)
    return table.assign(ε=table["ε"].map("{:.4g}".format).replace("inf", "∞ (not DP)"))


def total_metric(history: list[Release], unit: Unit) -> tuple[str, str]:
    """What all releases from real masses with this unit spend together, and how many they are."""
    mus = _mus(history, unit)
    count = f"{len(mus)} model{'' if len(mus) == 1 else 's'} of this session"
    if not mus:
        return "0", count
    epsilon = _total(mus)
    return ("no promise" if math.isinf(epsilon) else f"{epsilon:.4g}"), count


def total_figure(history: list[Release], unit: Unit) -> go.Figure | None:
    """The total after every release with this unit; None if there is none."""
    from mammo_core.privacy.accounting import running_epsilons, spent_epsilon

    mus = _mus(history, unit)
    if not mus:
        return None
    alone = [spent_epsilon(mu, PAPER_DELTA) for mu in mus]
    return running_total_figure(alone, running_epsilons(mus, PAPER_DELTA))


def total_text(history: list[Release]) -> str:
    """What all releases from real masses together spend, by exact composition."""
    if any(math.isinf(mu) for unit in UNITS for mu in _mus(history, unit)):
        return (
            "One of these models was trained without privacy: taken together, nothing is promised."
        )
    totals = [
        f"{len(mus)} with the {unit} as the unit: **ε = {_total(mus):.4g}**"
        for unit in UNITS
        if (mus := _mus(history, unit))
    ]
    if not totals:
        return "None of these used real masses."
    return (
        "Every model trained from the same patients is a release, also those played as an animation. "
        "If you published all of them, their promises add up (exact Gaussian composition, δ = 1e-4): "
        + "; ".join(totals)
        + "."
    )


def _mus(history: list[Release], unit: Unit) -> list[float]:
    return [row["μ"] for row in history if row["uses real"] and row["unit"] == unit]


def _total(mus: list[float]) -> float:
    from mammo_core.privacy.accounting import running_epsilons

    return running_epsilons(mus, PAPER_DELTA)[-1]
