"""Computes measures of a classifier's scores, with malignant as the positive class, for many weightings at once.

Every measure takes weights, so that the estimate (all ones) and each bootstrap resample (how often a
mass was drawn) go through the same code. Intervals are in `bootstrap`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_core.errors import InvalidRequestError
from mammo_core.labels import MALIGNANT

SPECIFICITY = 0.9


@dataclass(frozen=True)
class Metrics:
    """Each (B,), one value per weighting; NaN where a weighting leaves a class empty.

    Attributes:
        auroc: Area under the ROC curve; ties count half.
        average_precision: Mean precision over the steps of recall, without interpolation.
        sensitivity_at_90_specificity: Highest sensitivity of a threshold with specificity >= 0.9.
        brier: Mean squared difference of score and label; 0 is best.
    """

    auroc: np.ndarray
    average_precision: np.ndarray
    sensitivity_at_90_specificity: np.ndarray
    brier: np.ndarray


METRIC_NAMES = tuple(Metrics.__dataclass_fields__)
LOWER_IS_BETTER = ("brier",)


def weighted_metrics(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Metrics:
    """Computes all measures under each of B weightings of N masses.

    Definitions are those of scikit-learn's `roc_auc_score`, `average_precision_score`, `roc_curve`
    and `brier_score_loss` with `sample_weight`.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) P(malignant), in [0, 1].
        weights: (B, N) non-negative.

    Raises:
        InvalidRequestError: If shapes differ or a score is not a number in [0, 1].
    """
    if labels.shape != scores.shape or weights.shape[1:] != labels.shape:
        raise InvalidRequestError(
            f"Expected labels (N,), scores (N,), weights (B, N); got {labels.shape}, "
            f"{scores.shape}, {weights.shape}."
        )
    if not np.all((scores >= 0) & (scores <= 1)):
        raise InvalidRequestError("Expected scores in [0, 1]; got others. Apply a sigmoid first.")
    tp, fp = weighted_counts(labels == MALIGNANT, scores, weights)
    num_positive, num_negative = tp[:, -1:], fp[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        tpr, fpr = tp / num_positive, fp / num_negative
        flagged = tp + fp
        precision = np.divide(tp, flagged, out=np.zeros_like(tp), where=flagged > 0)
        average_precision = np.sum(np.diff(tpr, axis=1) * precision[:, 1:], axis=1)
        specific = fpr <= 1 - SPECIFICITY + 1e-12
        sensitivity = np.max(np.where(specific, tpr, 0), axis=1)
        brier = weights @ np.square(scores - labels) / weights.sum(axis=1)
    empty = (num_positive[:, 0] == 0) | (num_negative[:, 0] == 0)
    sensitivity = np.where(empty, np.nan, sensitivity)
    return Metrics(auroc_of_counts(tp, fp), average_precision, sensitivity, brier)


def weighted_counts(
    is_positive: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Counts positives and negatives at or above each threshold under each of B weightings.

    Args:
        is_positive: (N,) bool.
        scores: (N,), higher for positives; equal scores stay together.
        weights: (B, N) non-negative.

    Returns:
        True and false positives, each (B, 1 + G) for G different scores, from (0, 0) to all.
    """
    order = np.argsort(-scores, kind="stable")
    group_ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # ties end here
    sorted_weights = weights[:, order].astype(np.float64)  # (B, N)
    tp = np.cumsum(sorted_weights * is_positive[order], axis=1)[:, group_ends]  # (B, G)
    fp = np.cumsum(sorted_weights * ~is_positive[order], axis=1)[:, group_ends]
    from_none = ((0, 0), (1, 0))
    return np.pad(tp, from_none), np.pad(fp, from_none)  # (B, 1 + G)


def auroc_of_counts(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """Computes the areas under B ROC curves from `weighted_counts`, (B,); NaN where a class is empty.

    Args:
        tp, fp: True and false positives, each (B, 1 + G).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        tpr, fpr = tp / tp[:, -1:], fp / fp[:, -1:]
        return np.sum(np.diff(fpr, axis=1) * (tpr[:, 1:] + tpr[:, :-1]) / 2, axis=1)


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the area under the ROC curve of scores (N,)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the average precision of scores (N,), with label 1 as the positive class."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores))


def roc_points(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the corners of the ROC curve as (fpr, tpr), each (G,), from (0, 0) to (1, 1)."""
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(labels, scores)
    return fpr, tpr
