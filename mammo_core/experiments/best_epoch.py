"""The paper's choice of an epoch: the one whose weights rank benign validation masses best.

No ε covers it: the labels of validation patients choose, and every epoch was looked at. It is here to repeat the
paper; runs of our own keep the last weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from mammo_core.labels import BENIGN

_BELOW, _ABOVE = 0.75, 1.05  # of the target ε: the paper takes no epoch outside
_SUREST = 1e-15  # beyond, a score counts as this near to 0 or 1


@dataclass(frozen=True, eq=False)
class BestEpoch:
    """An epoch that was looked at.

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


def look_at_epoch(
    step: int, network: nn.Module, labels: np.ndarray, scores: np.ndarray, label_smoothing: float
) -> BestEpoch:
    """What counts for the choice, with a copy of the network's trained weights.

    Args:
        labels: (N,) of validation masses.
        scores: (N,) their P(malignant).
    """
    weights = {
        name: parameter.detach().cpu().clone()
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    precision = float(average_precision_score(labels == BENIGN, -scores))
    return BestEpoch(step, precision, _cross_entropy(labels, scores, label_smoothing), weights)


def is_within_target(epsilon: float, target_epsilon: float) -> bool:
    """Whether the paper would take an epoch that has spent so much; without DP, any."""
    if math.isinf(target_epsilon):
        return True
    return _BELOW * target_epsilon < epsilon < _ABOVE * target_epsilon


def _cross_entropy(labels: np.ndarray, scores: np.ndarray, label_smoothing: float) -> float:
    smoothed = labels * (1 - label_smoothing) + label_smoothing / 2
    sure = np.clip(scores, _SUREST, 1 - _SUREST)
    losses = -smoothed * np.log(sure) - (1 - smoothed) * np.log1p(-sure)
    return float(losses.mean())
