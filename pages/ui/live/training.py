"""What the Live page computes: retrains at once, chooses a threshold, and says in words what came of it."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.config.runs import PrivacyConfig, RunConfig, Strategy, Unit
from pages.ui.components.messages import escape_markdown
from pages.ui.live import recording
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.evaluation.bootstrap import Estimate
    from mammo_core.evaluation.operating_point import Confusion
    from mammo_core.results.archive import StoredRun
    from mammo_core.training.heads.feature_dataset import FeatureDataset
    from mammo_core.training.heads.runs import RunResult
    from mammo_core.training.outcome import RunOutcome

SPECIFICITIES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Decision:
    """What a threshold does on one test set.

    Attributes:
        on_validation: Whether it was chosen on validation masses; else on the test set itself.
    """

    threshold: float
    on_validation: bool
    confusion: Confusion

    @property
    def rates(self) -> tuple[Estimate, Estimate]:
        """Sensitivity and specificity; every test set has both classes."""
        rates = self.confusion.rates()
        sensitivity, specificity = rates["sensitivity"], rates["specificity"]
        assert sensitivity is not None and specificity is not None
        return sensitivity, specificity


@dataclass(frozen=True)
class LiveRun:
    """A run as the page shows it.

    Attributes:
        trained: The same, if it was trained just now.
        recorded: When it was recorded (UTC), if the run store had it.
    """

    outcome: RunOutcome
    trained: RunResult | None = None
    recorded: pd.Timestamp | None = None


def retrain(
    dataset: FeatureDataset,
    strategy: Strategy,
    epsilon: float,
    unit: Unit,
    seed: int,
    *,
    beyond_budget: str = "",
) -> LiveRun:
    """Trains and tests one head, now; a configuration that is recorded on the same data is shown again.

    Args:
        beyond_budget: Why the budget of the cohort may be exceeded; empty if it may not.

    Raises:
        MammoError: As `run_plan`.
    """
    from mammo_core.config.recipes import RECIPES

    config = RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=epsilon, unit=unit),
        recipe=RECIPES[strategy],
        backbone=dataset.backbone,
        seed=seed,
    )
    return _trained(dataset, dataset.data_hash, config, beyond_budget)


@st.cache_resource(max_entries=256, show_spinner=False)
def _trained(
    _dataset: FeatureDataset, data_hash: str, config: RunConfig, _beyond_budget: str
) -> LiveRun:
    """One head takes milliseconds on one thread, and many times that on several that wait for each other."""
    import torch

    from mammo_core.training.heads.runs import head_recipe
    from mammo_core.training.heads.sweep import run_plan

    stored = recording.find(_dataset, config)
    if stored is not None:
        return LiveRun(_outcome(_dataset, stored), recorded=stored.started)
    ledger = resources.ledger().on_behalf_of("live", beyond_budget=_beyond_budget)
    _dataset.prepare(
        config.strategy, head_recipe(config), config.privacy.unit
    )  # large, once per strategy, on all threads
    with _one_at_a_time:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            ((_, result),) = run_plan(_dataset, [config], ledger=ledger)
        finally:
            torch.set_num_threads(threads)
    assert result is not None  # no run was named as recorded
    return LiveRun(result, trained=result)


def _outcome(dataset: FeatureDataset, stored: StoredRun) -> RunOutcome:
    """A recorded run with its scores in the order of the dataset's masses."""
    from mammo_core.training.outcome import RunOutcome

    predictions, validation = stored.predictions, dataset.validation
    validation_scores = stored.validation["score"].to_numpy()
    is_same = validation is not None and np.array_equal(
        validation.cohort.labels, stored.validation["label"].to_numpy()
    )
    return RunOutcome(
        config=stored.config,
        epsilon=stored.epsilon,
        mu=stored.mu,
        noise_multiplier=stored.noise_multiplier,
        num_units=stored.num_units,
        scores={
            name: predictions.loc[predictions["test_set"] == name, "score"].to_numpy()
            for name in dataset.test_sets
        },
        validation_scores=validation_scores if is_same else None,
        estimates={name: stored.estimates[name] for name in dataset.test_sets},
        statement=stored.statement,
        seconds=stored.seconds,
    )


def roc_curves(
    dataset: FeatureDataset, result: RunOutcome
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The ROC of each test set."""
    from mammo_core.evaluation.metrics import roc_points

    return {
        name: roc_points(dataset.test_sets[name].cohort.labels, scores)
        for name, scores in result.scores.items()
    }


def decide(
    dataset: FeatureDataset, result: RunOutcome, test_set: str, specificity: float
) -> Decision:
    """A threshold for a specificity, from validation masses where there are any, and what it does."""
    from mammo_core.evaluation.operating_point import confusion_at, threshold_at_specificity

    labels, scores = dataset.test_sets[test_set].cohort.labels, result.scores[test_set]
    chosen_on, on_validation = (labels, scores), False
    if dataset.validation is not None and result.validation_scores is not None:
        chosen_on = (dataset.validation.cohort.labels, result.validation_scores)
        on_validation = True
    threshold = threshold_at_specificity(*chosen_on, specificity)
    return Decision(threshold, on_validation, confusion_at(labels, scores, threshold))


def decision_text(decision: Decision, test_set: str, specificity: float) -> str:
    """What the threshold means for 100 malignant and 100 benign masses, and how far to trust it."""
    found, cleared = decision.rates
    chosen = (
        f"The threshold was chosen on validation masses of the training site, for {specificity:.0%} "
        "specificity there; their labels are not covered by ε."
        if decision.on_validation
        else f"The threshold was chosen on {escape_markdown(test_set)} itself, for lack of validation masses: that is "
        "**optimistic**."
    )
    return (
        f"On {escape_markdown(test_set)}: of 100 malignant masses it finds **{100 * found.value:.0f}** "
        f"({100 * found.low:.0f} to {100 * found.high:.0f}); of 100 benign masses it wrongly calls "
        f"**{100 * (1 - cleared.value):.0f}** malignant ({100 * (1 - cleared.high):.0f} to "
        f"{100 * (1 - cleared.low):.0f}). {chosen}"
    )


def spent_text(run: LiveRun) -> str:
    """What was spent and what an attacker gains, in a few lines."""
    result = run.outcome
    took = f"Retrained and tested in **{result.seconds:.2f} s**"
    if run.recorded is not None:
        took = (
            f"Recorded on {run.recorded:%Y-%m-%d at %H:%M} UTC and shown again, **no new release**; another seed "
            "retrains"
        )
    if math.isinf(result.epsilon):
        return f"**No privacy (not DP).** An attacker is not limited at all. {took}."
    if result.config.strategy == "synthetic":
        return (
            f"ε spent **{result.epsilon:.4g}** on synthetic masses only: it promises nothing to any "
            f"patient. {took}."
        )
    return (
        f"ε spent **{result.epsilon:.4g}**, δ {result.config.privacy.target_delta:g}, noise multiplier "
        f"{result.noise_multiplier:.3g}. From this training alone, an attacker who wrongly accuses 1 in 100 finds at most "
        f"**{result.statement.attacker_tpr(0.01):.1%}** of the {result.config.privacy.unit}s who took part. "
        f"{took}."
    )
