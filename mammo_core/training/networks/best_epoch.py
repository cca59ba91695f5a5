"""The paper's choice of an epoch: the one whose weights rank benign validation masses best.

No ε covers it: the labels of validation patients choose, and every epoch was evaluated. It is here to repeat the
paper; runs of our own keep the last weights.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from mammo_core.config.runs import RunConfig
from mammo_core.errors import PrivacyError
from mammo_core.evaluation.metrics import average_precision
from mammo_core.labels import BENIGN
from mammo_core.privacy.accounting.sampled import epsilon_spent

_LEAST_SPENT = 0.75  # of the target ε; the paper takes no epoch before
_SUREST = 1e-15  # beyond, a score counts as this near to 0 or 1


@dataclass(frozen=True, eq=False)
class BestEpoch:
    """An epoch that was evaluated.

    Attributes:
        step: Steps done.
        average_precision: Of validation masses, with benign as the positive class.
        loss: Their cross-entropy with smoothed labels, which decides between equals.
        weights: By name, copies on the CPU.
    """

    step: int
    average_precision: float
    loss: float
    weights: dict[str, Tensor]

    def beats(self, other: BestEpoch | None) -> bool:
        """Whether the paper would take it instead."""
        if other is None:
            return True
        own = (self.average_precision, -self.loss)
        return own > (other.average_precision, -other.loss)


def evaluate_epoch(
    step: int, network: nn.Module, labels: np.ndarray, scores: np.ndarray, label_smoothing: float
) -> BestEpoch:
    """Measures what counts for the choice, with a copy of the network's trained weights.

    Args:
        labels: (N,) of validation masses.
        scores: (N,) their P(malignant).
    """
    weights = {
        name: parameter.detach().cpu().clone()
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    precision = average_precision(labels == BENIGN, -scores)
    return BestEpoch(step, precision, _cross_entropy(labels, scores, label_smoothing), weights)


def first_step_to_choose(
    epsilon_after: Callable[[int], float], target_epsilon: float, steps: int
) -> int:
    """Finds the first step after which the paper would take weights: when three quarters of the target are spent.

    It would not take any that overspend the target by 5 % either, which calibrated noise never does. Without DP it
    takes any.

    Args:
        epsilon_after: What so many steps spend; grows with them. Asked about a dozen times.

    Raises:
        PrivacyError: If all steps together spend less.
    """
    if math.isinf(target_epsilon):
        return 1
    wanted = _LEAST_SPENT * target_epsilon
    first = 1 + bisect_right(range(1, steps + 1), wanted, key=epsilon_after)
    if first > steps:
        raise PrivacyError(
            f"Expected {steps} steps to spend more than 75 % of ε = {target_epsilon:g}, as the paper demands "
            f"of the epoch it chooses; they spend {epsilon_after(steps):.3g}. Keep the last weights instead."
        )
    return first


def first_choice(config: RunConfig, noise_multiplier: float) -> int:
    """Finds the first step whose weights a run may keep: the last one, or as `first_step_to_choose` says."""
    privacy, recipe = config.privacy, config.network_recipe
    if recipe.kept == "last":
        return recipe.steps

    def epsilon_after(steps: int) -> float:
        history = [(noise_multiplier, recipe.sample_rate, steps)]
        return epsilon_spent(history, privacy.target_delta, recipe.accountant)

    return first_step_to_choose(epsilon_after, privacy.target_epsilon, recipe.steps)


def _cross_entropy(labels: np.ndarray, scores: np.ndarray, label_smoothing: float) -> float:
    smoothed = labels * (1 - label_smoothing) + label_smoothing / 2
    sure = np.clip(scores, _SUREST, 1 - _SUREST)
    losses = -smoothed * np.log(sure) - (1 - smoothed) * np.log1p(-sure)
    return float(losses.mean())
