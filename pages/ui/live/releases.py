"""Every model that the Live page trains is a release: this session's list of them, and what they spend together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import PAPER_DELTA, UNITS, RunConfig, Unit
from mammo_core.figures.running_total import running_total_figure
from mammo_core.figures.trade_off import measure_label
from mammo_core.text.numbers import budget_name, counted

if TYPE_CHECKING:
    from mammo_core.evaluation.bootstrap import Estimate
    from mammo_core.evaluation.patients import EvaluationUnit
    from mammo_core.privacy.accounting.cost import PrivacyCost
    from mammo_core.training.outcome import FinishedRun


@dataclass(frozen=True)
class Release:
    """A model that this session has shown.

    Attributes:
        epsilon: Spent.
        cost: Of its release; None if no real masses trained it.
        run: What came of it.
    """

    config: RunConfig
    epsilon: float
    cost: PrivacyCost | None
    run: FinishedRun

    def aurocs(self, evaluated_per: EvaluationUnit) -> dict[str, Estimate]:
        """By test set."""
        estimates = self.run.evaluated_per(evaluated_per).estimates
        return {name: part["auroc"] for name, part in estimates.items()}


def remember(source: DataSource, result: FinishedRun) -> list[Release]:
    """Adds a release to this session's list for the cohort; the same configuration counts once."""
    from mammo_core.ledger.releases import cost_of_run

    releases = st.session_state.setdefault("live_releases", {}).setdefault(source, {})
    largest_patient = result.statement.largest_patient or 1
    releases[result.config] = Release(
        config=result.config,
        epsilon=result.epsilon,
        cost=cost_of_run(result.config, largest_patient, result.noise_multiplier),
        run=result,
    )
    return list(releases.values())


def history_table(history: list[Release], evaluated_per: EvaluationUnit) -> pd.DataFrame:
    """The releases as a table, newest first."""
    measure = measure_label("auroc", evaluated_per)
    rows = [
        {
            "training data": STRATEGY_NAMES[release.config.strategy],
            "unit": release.config.privacy.unit,
            "ε": f"{release.epsilon:.4g}".replace("inf", "∞ (not DP)"),
            "seed": release.config.seed,
        }
        | {
            f"{measure} {name}": round(auroc.value, 3)
            for name, auroc in release.aurocs(evaluated_per).items()
        }
        for release in reversed(history)
    ]
    return pd.DataFrame(rows)


def curve_table(
    history: list[Release], like: RunConfig, evaluated_per: EvaluationUnit
) -> pd.DataFrame:
    """The releases that differ from a configuration in ε or seed alone, as `figures.visited` draws them."""
    rows = [
        {
            "test_set": name,
            "evaluation_unit": evaluated_per,
            "epsilon": release.config.privacy.target_epsilon,
            "seed": release.config.seed,
            "value": auroc.value,
            "low": auroc.low,
            "high": auroc.high,
        }
        for release in history
        if (release.config.strategy, release.config.privacy.unit)
        == (like.strategy, like.privacy.unit)
        for name, auroc in release.aurocs(evaluated_per).items()
    ]
    return pd.DataFrame(rows)


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
        return "One of these models was trained without privacy. Together they give no privacy guarantee."
    if not totals:
        return "None of these used real masses."
    words = [
        f"**ε = {epsilon:.4g}** for {counted(len(by_unit[unit]), 'model')} with the {unit} as the unit"
        for unit, epsilon in totals.items()
    ]
    return (
        "Every model trained on the same patients is a release, also those of *Play*. Published together, "
        f"they cost {' and '.join(words)} (exact Gaussian composition, δ = 1e-4). The ledger on the page "
        "*Privacy* lists the recorded models of all sessions."
    )


def _costs(history: list[Release], unit: Unit) -> list[PrivacyCost]:
    return [
        release.cost for release in history if release.cost and release.config.privacy.unit == unit
    ]


def _total(costs: list[PrivacyCost], unit: Unit) -> float:
    from mammo_core.privacy.accounting.cost import total_epsilon

    return total_epsilon(costs, PAPER_DELTA, unit)
