"""Rates an attack on membership: its AUC, and its true positive rate at few false positives.

The mean over all thresholds hides attacks that are sure about a few. Their rate of true positives at few
false ones is what counts (Carlini et al. 2022, arXiv:2112.03570).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import Estimate, PatientBootstrap, estimate_from
from mammo_core.evaluation.metrics import weighted_counts


@dataclass(frozen=True)
class AttackRates:
    """An attack's success, each with a 95 % interval over resampled patients.

    Attributes:
        auc: Area under the ROC curve; 0.5 is chance, ties count half.
        tpr_at_1pct: True positive rate with at most 1 % of non-members accused.
        tpr_at_01pct: With at most 0.1 %; with fewer than 1000 non-members that is none accused at all.
    """

    auc: Estimate
    tpr_at_1pct: Estimate
    tpr_at_01pct: Estimate


def attack_rates(
    is_member: np.ndarray,
    scores: np.ndarray,
    patient_ids: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    num_resamples: int = 1000,
) -> AttackRates:
    """Rates one attack.

    Args:
        is_member: (N,) bool, who was in the training data.
        scores: (N,), higher for likelier members.
        patient_ids: (N,) str; rows of one patient are resampled together.
        weights: (N,) how much each row counts; None weighs all alike.

    Raises:
        InvalidRequestError: If members or non-members are missing, or a score is not a number.
    """
    if not np.isfinite(scores).all():
        raise InvalidRequestError(
            "Expected a finite score of every suspect; got others. Leave out what cannot be scored."
        )
    resampled = PatientBootstrap(is_member.astype(np.int64), patient_ids, num_resamples).weights
    if weights is not None:
        resampled = resampled * weights
    tp, fp = weighted_counts(is_member, scores, resampled)
    with np.errstate(
        invalid="ignore"
    ):  # a resample without members or without others counts as none
        tpr, fpr = tp / tp[:, -1:], fp / fp[:, -1:]  # (1 + B, 1 + G)
    return AttackRates(
        auc=estimate_from(np.asarray(np.trapezoid(tpr, fpr, axis=1))),
        tpr_at_1pct=estimate_from(_tpr_at(0.01, tpr, fpr)),
        tpr_at_01pct=estimate_from(_tpr_at(0.001, tpr, fpr)),
    )


def _tpr_at(most: float, tpr: np.ndarray, fpr: np.ndarray) -> np.ndarray:
    return np.where(fpr <= most + 1e-12, tpr, 0).max(axis=1)
