"""Every model that the Live page trains is a release: this session's list of them, and what they spend together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import PAPER_DELTA, UNITS, Unit
from mammo_core.figures.running_total import running_total_figure
from mammo_core.text.numbers import budget_name, counted

if TYPE_CHECKING:
    from mammo_core.privacy.accounting.cost import PrivacyCost
    from mammo_core.training.outcome import FinishedRun

Release = dict[str, Any]


def remember(source: DataSource, result: FinishedRun) -> list[Release]:
    """Adds a release to this session's list for the cohort; the same configuration counts once."""
    from mammo_core.ledger.releases import cost_of_run

    releases = st.session_state.setdefault("live_releases", {}).setdefault(source, {})
    releases[result.config] = {
        "training data": STRATEGY_NAMES[result.config.strategy],
        "unit": result.config.privacy.unit,
        "ε": result.epsilon,
        "seed": result.config.seed,
        "spending": cost_of_run(
            result.config, result.statement.largest_patient or 1, result.noise_multiplier
        ),
    } | {f"AUROC {name}": part["auroc"].value for name, part in result.estimates.items()}
    return list(releases.values())


def history_table(history: list[Release]) -> pd.DataFrame:
    """The releases as a table, newest first."""
    table = pd.DataFrame(history[::-1]).drop(columns=["spending"]).round(3)
    return table.assign(ε=table["ε"].map("{:.4g}".format).replace("inf", "∞ (not DP)"))


def total_metric(history: list[Release], unit: Unit) -> tuple[str, str]:
    """What all releases from real masses with this unit spend together, and how many they are."""
    costs = _costs(history, unit)
    count = f"{counted(len(costs), 'model')} of this session"
    if not costs:
        return "0", count
    epsilon = _total(costs, unit)
    return (budget_name(epsilon) if math.isinf(epsilon) else f"{epsilon:.4g}"), count


def total_figure(history: list[Release], unit: Unit) -> go.Figure | None:
    """The total after every release with this unit; None if there is none."""
    from mammo_core.privacy.accounting.cost import running_epsilons

    costs = _costs(history, unit)
    if not costs:
        return None
    alone = [_total([cost], unit) for cost in costs]
    return running_total_figure(alone, running_epsilons(costs, PAPER_DELTA, unit))


def total_text(history: list[Release]) -> str:
    """What all releases from real masses together spend, by exact composition."""
    by_unit: dict[Unit, list[PrivacyCost]] = {
        unit: found for unit in UNITS if (found := _costs(history, unit))
    }
    totals: dict[Unit, float] = {unit: _total(found, unit) for unit, found in by_unit.items()}
    if any(math.isinf(epsilon) for epsilon in totals.values()):
        return "One of these models was trained without privacy. Together they guarantee nothing."
    if not totals:
        return "None of these used real masses."
    words = [
        f"**ε = {epsilon:.4g}** for {counted(len(by_unit[unit]), 'model')} with the {unit} as the unit"
        for unit, epsilon in totals.items()
    ]
    return (
        "Every model trained on the same patients is a release, also those of *Play*. Published together, "
        f"they cost {' and '.join(words)} (exact Gaussian composition, δ = 1e-4). The ledger on the page "
        "*Privacy* lists the models of all sessions."
    )


def _costs(history: list[Release], unit: Unit) -> list[PrivacyCost]:
    return [row["spending"] for row in history if row["spending"] and row["unit"] == unit]


def _total(costs: list[PrivacyCost], unit: Unit) -> float:
    from mammo_core.privacy.accounting.cost import total_epsilon

    return total_epsilon(costs, PAPER_DELTA, unit)
