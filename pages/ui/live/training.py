"""What the Live page computes: retrains at once, chooses a threshold, and says in words what came of it."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mammo_core.config.runs import PrivacyConfig, RunConfig, Strategy, Unit
from pages.ui.components.messages import escape_markdown
from pages.ui.live import recording
from pages.ui.live.kept import Keeping, ScratchLedger
from pages.ui.state import resources

if TYPE_CHECKING:
    from mammo_core.evaluation.bootstrap import Estimate
    from mammo_core.evaluation.operating_point import Confusion
    from mammo_core.training.heads.feature_dataset import FeatureDataset
    from mammo_core.training.outcome import FinishedRun

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


def configure(
    dataset: FeatureDataset, strategy: Strategy, epsilon: float, unit: Unit, seed: int
) -> RunConfig:
    """The run that these choices mean."""
    from mammo_core.config.recipes import RECIPES

    return RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=epsilon, unit=unit),
        recipe=RECIPES[strategy],
        backbone=dataset.backbone,
        seed=seed,
    )


def retrain(
    dataset: FeatureDataset, config: RunConfig, keeping: Keeping, *, beyond_budget: str = ""
) -> FinishedRun:
    """Trains and tests one head, now; a configuration that is recorded on the same data is shown again.

    Args:
        keeping: Whether the ledger counts it.
        beyond_budget: Why the budget of the cohort may be exceeded; empty if it may not.

    Raises:
        MammoError: As `run_plan`.
    """
    return _trained(dataset, dataset.data_hash, config, keeping, beyond_budget)


@st.cache_resource(max_entries=256, show_spinner=False)
def _trained(
    _dataset: FeatureDataset,
    data_hash: str,
    config: RunConfig,
    keeping: Keeping,
    _beyond_budget: str,
) -> FinishedRun:
    """One head takes milliseconds on one thread, and many times that on several that wait for each other."""
    import torch

    from mammo_core.training.heads.runs import head_recipe
    from mammo_core.training.heads.sweep import run_plan

    stored = recording.find(_dataset, config)
    if stored is not None:
        return stored
    ledger = (
        ScratchLedger()
        if keeping == "scratch"
        else resources.ledger().on_behalf_of("live", beyond_budget=_beyond_budget)
    )
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
    return result


def roc_curves(run: FinishedRun) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The ROC of each test set."""
    from mammo_core.evaluation.metrics import roc_points

    return {name: roc_points(*tested) for name, tested in run.tested.items()}


def decide(run: FinishedRun, test_set: str, specificity: float) -> Decision:
    """A threshold for a specificity, from validation masses where there are any, and what it does."""
    from mammo_core.evaluation.operating_point import confusion_at, threshold_at_specificity

    tested = run.tested[test_set]
    threshold = threshold_at_specificity(*(run.validated or tested), specificity)
    return Decision(threshold, run.validated is not None, confusion_at(*tested, threshold))


def decision_text(
    decision: Decision, test_set: str, specificity: float, those: str = "masses"
) -> str:
    """What the threshold means for 100 malignant and 100 benign masses or patients, and how far to trust it."""
    found, cleared = decision.rates
    chosen = (
        f"The threshold gives {specificity:.0%} specificity on validation {those} of the training site. ε "
        "does not cover their labels."
        if decision.on_validation
        else f"The threshold was chosen on {escape_markdown(test_set)} itself, since there are no validation {those}. "
        "This is **optimistic**."
    )
    return (
        f"On {escape_markdown(test_set)}, the model finds **{100 * found.value:.0f}** of 100 malignant {those} "
        f"({100 * found.low:.0f} to {100 * found.high:.0f}). It wrongly calls "
        f"**{100 * (1 - cleared.value):.0f}** of 100 benign {those} malignant ({100 * (1 - cleared.high):.0f} to "
        f"{100 * (1 - cleared.low):.0f}). {chosen}"
    )


def spent_text(result: FinishedRun) -> str:
    """What was spent and what an attacker gains, in a few lines."""
    took = f"Retrained and tested in **{result.seconds:.2f} s**."
    if result.started is not None:
        took = (
            f"Recorded on {result.started:%Y-%m-%d at %H:%M} UTC and shown again. This is **no new release**. Another "
            "seed retrains."
        )
    if math.isinf(result.epsilon):
        return f"**No privacy (not DP).** An attacker is not limited at all. {took}"
    if result.config.strategy == "synthetic":
        return (
            f"ε spent **{result.epsilon:.4g}** on synthetic masses only. It gives patients no "
            f"privacy guarantee. {took}"
        )
    return (
        f"ε spent **{result.epsilon:.4g}**, δ {result.config.privacy.target_delta:g}, noise multiplier "
        f"{result.noise_multiplier:.3g}. From this training alone, an attacker who wrongly flags 1 in 100 identifies at most "
        f"**{result.statement.attacker_tpr(0.01):.1%}** of the {result.config.privacy.unit}s who took part. "
        f"{took}"
    )
