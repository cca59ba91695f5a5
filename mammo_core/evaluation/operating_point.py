"""Turns scores into decisions: a threshold for a wanted specificity, and the confusion matrix at it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import LEVEL, Estimate
from mammo_core.labels import MALIGNANT


@dataclass(frozen=True)
class Confusion:
    """Masses counted by what they are and what they were called.

    Attributes:
        true_positives: Malignant, called malignant.
        false_negatives: Malignant, called benign.
        false_positives: Benign, called malignant.
        true_negatives: Benign, called benign.
    """

    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int

    def rates(self) -> dict[str, Estimate | None]:
        """Computes sensitivity, specificity, PPV and NPV, each with its Wilson interval.

        None where nothing was counted, as the PPV when no mass is called malignant. PPV and NPV hold
        for the share of malignant masses in this test set only. The intervals take every mass as a
        draw of its own; masses of one patient look alike, so they are somewhat too narrow.
        """
        return {
            "sensitivity": wilson_interval(
                self.true_positives, self.true_positives + self.false_negatives
            ),
            "specificity": wilson_interval(
                self.true_negatives, self.true_negatives + self.false_positives
            ),
            "PPV": wilson_interval(self.true_positives, self.true_positives + self.false_positives),
            "NPV": wilson_interval(self.true_negatives, self.true_negatives + self.false_negatives),
        }


def threshold_at_specificity(labels: np.ndarray, scores: np.ndarray, specificity: float) -> float:
    """Finds the lowest threshold at which at least this share of benign masses is called benign.

    A mass is called malignant if its score is at or above the threshold. The lowest one gives the most
    true positives. Chosen on the very masses that are then judged, sensitivity comes out too high:
    choose it on validation masses where there are any.

    Args:
        labels: (N,) 0 or 1, with a benign mass.
        scores: (N,) P(malignant).
        specificity: In (0, 1].

    Returns:
        One of the scores, or just above the highest if no score reaches it.

    Raises:
        InvalidRequestError: If the specificity is not in (0, 1], shapes differ or no mass is benign.

    Example:
        >>> threshold_at_specificity(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.8]), 0.5)
        0.5
    """
    _require_pairs(labels, scores)
    if not 0 < specificity <= 1:
        raise InvalidRequestError(
            f"Expected 0 < specificity <= 1; got {specificity!r}. Use for example 0.9."
        )
    benign = np.sort(scores[labels != MALIGNANT])
    if not len(benign):
        raise InvalidRequestError("Expected a benign mass or more; got none. Use a larger set.")
    allowed = math.floor(
        (1 - specificity) * len(benign) + 1e-9
    )  # benign masses that may be flagged
    candidates = np.unique(scores)
    flagged_benign = len(benign) - np.searchsorted(benign, candidates, side="left")  # (U,)
    enough = candidates[flagged_benign <= allowed]
    return float(enough[0]) if len(enough) else float(np.nextafter(candidates[-1], np.inf))


def confusion_at(labels: np.ndarray, scores: np.ndarray, threshold: float) -> Confusion:
    """Counts the confusion matrix at a threshold; a score at or above it is called malignant.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) P(malignant).

    Raises:
        InvalidRequestError: If shapes differ.
    """
    _require_pairs(labels, scores)
    flagged, malignant = scores >= threshold, labels == MALIGNANT
    return Confusion(
        true_positives=int(np.sum(flagged & malignant)),
        false_negatives=int(np.sum(~flagged & malignant)),
        false_positives=int(np.sum(flagged & ~malignant)),
        true_negatives=int(np.sum(~flagged & ~malignant)),
    )


def wilson_interval(successes: int, trials: int) -> Estimate | None:
    """Computes a share with its 95 % score interval; None of no trials.

    Raises:
        InvalidRequestError: Unless 0 <= successes <= trials.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953; advised for shares near 0 or 1 by Brown,
    Cai and DasGupta 2001, doi:10.1214/ss/1009213286.
    """
    validate.at_least(0, successes=successes, trials=trials)
    if successes > trials:
        raise InvalidRequestError(
            f"Expected successes <= trials; got {successes} of {trials}. Check which is which."
        )
    if trials == 0:
        return None
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))


def _require_pairs(labels: np.ndarray, scores: np.ndarray) -> None:
    if labels.ndim != 1 or labels.shape != scores.shape or not len(labels):
        raise InvalidRequestError(
            f"Expected labels and scores of one length, 1 or more; got {labels.shape} and "
            f"{scores.shape}. Pass one score per mass."
        )
