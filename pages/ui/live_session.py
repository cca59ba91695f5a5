"""What the Live page does between its widgets: opens data, retrains, remembers and adds up releases."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.cohorts.installed import DataSource
from mammo_core.config import PrivacyConfig, RunConfig, Strategy, Unit
from mammo_core.figures.palette import STRATEGY_NAMES
from pages.ui import resources

if TYPE_CHECKING:
    from mammo_core.experiments.runs import RunResult
    from mammo_core.experiments.workbench import Workbench

_PASSES_PER_SECOND = 25  # a cautious guess for two processor cores


def show_left_out(source: DataSource) -> None:
    """Lists the files of a cohort that could not be used, each with its reason."""
    skipped = resources.loaded_data(source).skipped
    if skipped:
        with st.expander(
            f"{len(skipped)} file(s) of this cohort were left out", icon=":material/warning:"
        ):
            rows = [
                {"file": file.path.name, "why": file.kind, "what to do": file.reason}
                for file in skipped
            ]
            st.dataframe(pd.DataFrame(rows), hide_index=True, key="left_out")


def open_bench(source: DataSource) -> Workbench:
    """Data and features; asks before a long computation and shows its progress."""
    missing = resources.count_missing(source)
    if not missing:
        return resources.workbench(source)
    minutes = missing * resources.backbone_for(source).views / _PASSES_PER_SECOND / 60
    if not source.is_demo:
        st.warning(
            f"{missing} masses have no features yet. Computing them takes about {minutes:.0f} minutes on "
            "two processor cores, once; stopping and starting again loses nothing. The same in a "
            "terminal: `python -m mammo_core features`.",
            icon=":material/hourglass_top:",
        )
        if not st.button("Compute features now", type="primary", key="compute_features"):
            st.stop()
    bar = st.progress(0.0, "Computing features (once)")
    resources.compute_features(
        source,
        lambda done, total: bar.progress(done / total, f"Computing features: {done} of {total}"),
    )
    bar.empty()
    return resources.workbench(source)


def retrain(
    bench: Workbench, strategy: Strategy, epsilon: float, unit: Unit, seed: int
) -> RunResult:
    """Trains and tests one head, now."""
    from mammo_core.experiments.recipes import RECIPES
    from mammo_core.experiments.runs import run_many

    config = RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=epsilon, unit=unit),
        recipe=RECIPES[strategy],
        backbone=bench.backbone,
        seed=seed,
    )
    return next(run_many(bench, [config]))


def roc_curves(bench: Workbench, result: RunResult) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The ROC of each test set."""
    from mammo_core.evaluation.metrics import roc_points

    return {
        name: roc_points(bench.test_sets[name].cohort.labels, scores)
        for name, scores in result.scores.items()
    }


def spent_text(result: RunResult) -> str:
    """What was spent and what an attacker gains, in a few lines."""
    from mammo_core.privacy.accounting import attacker_tpr

    took = f"Retrained and tested in **{result.seconds:.2f} s**"
    if math.isinf(result.epsilon):
        return f"**No privacy (not DP).** An attacker is not limited at all.  \n{took}."
    return (
        f"ε spent **{result.epsilon:.4g}**, δ {result.config.privacy.target_delta:g}, noise multiplier "
        f"{result.noise_multiplier:.3g}  \nAn attacker who wrongly accuses 1 in 100 finds at most "
        f"**{attacker_tpr(result.mu, 0.01):.1%}** of those who took part.  \n{took}."
    )


def guarantee(result: RunResult) -> list[str]:
    """The guarantee in sentences."""
    from mammo_core.privacy.statement import guarantee_sentences

    return guarantee_sentences(result.config, result.epsilon, result.num_units)


def remember(source: DataSource, result: RunResult) -> list[dict[str, object]]:
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


def history_table(history: list[dict[str, object]]) -> pd.DataFrame:
    """The releases as a table, newest first."""
    return pd.DataFrame(history[::-1]).drop(columns=["μ", "uses real"]).round(3)


def total_text(history: list[dict[str, object]]) -> str:
    """What all releases from real masses together spend, by exact composition."""
    from mammo_core.config import PAPER_DELTA
    from mammo_core.privacy.accounting import spent_epsilon

    private = [row for row in history if row["uses real"]]
    if any(math.isinf(row["μ"]) for row in private):
        return (
            "One of these models was trained without privacy: taken together, nothing is promised."
        )
    totals = []
    for unit in ("patient", "image"):
        mus = [row["μ"] for row in private if row["unit"] == unit]
        if mus:
            epsilon = spent_epsilon(math.hypot(*mus), PAPER_DELTA)
            totals.append(f"{len(mus)} with the {unit} as the unit: **ε = {epsilon:.4g}**")
    if not totals:
        return "None of these used real masses."
    return (
        "If you published all of them, their promises add up (exact Gaussian composition, δ = 1e-4): "
        + "; ".join(totals)
        + "."
    )


def track(bench: Workbench, result: RunResult) -> None:
    """Records the release in MLflow, once per configuration and session."""
    tracked = st.session_state.setdefault("live_tracked", set())
    if result.config not in tracked:
        resources.tracker().record(result, bench, origin="live")
        tracked.add(result.config)
