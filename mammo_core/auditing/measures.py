"""Measures membership attacks: ROC, AUC and TPR at low FPR, with intervals over patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_core.evaluation.bootstrap import Estimate, estimate_from

_BINS = 4000
_RESAMPLES = 1000
_CURVE_FPRS = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 60)])


@dataclass(frozen=True)
class AttackMeasures:
    """Rates of an attack, averaged over the attacked heads.

    Intervals are percentile bootstraps over clusters (patients); the same heads are attacked in each resample.

    Attributes:
        auc: 0.5 is guessing.
        tpr_at_1pct, tpr_at_01pct: True positive rate at a false positive rate of 1 % or 0.1 %, with one threshold
            for all heads and units.
        fpr, tpr: (G,) each, the ROC curve.
    """

    auc: Estimate
    tpr_at_1pct: Estimate
    tpr_at_01pct: Estimate
    fpr: np.ndarray
    tpr: np.ndarray


def measure_attack(
    scores: np.ndarray, took_part: np.ndarray, clusters: np.ndarray, *, seed: int = 0
) -> AttackMeasures:
    """Pools all heads and units.

    Args:
        scores: (R, U), higher for "took part".
        took_part: (R, U) bool.
        clusters: (U,) whose columns are resampled together, for example patient ids.
        seed: Of the bootstrap.

    Raises:
        ValueError: If everyone or no one took part.
    """
    if took_part.all() or not took_part.any():
        raise ValueError("Expected some who took part and some who did not; got only one kind.")
    inside, outside = _histograms(scores, took_part)  # (U, bins) from the highest score down
    _, cluster_of = np.unique(clusters, return_inverse=True)
    count = cluster_of.max() + 1
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)  # (B, clusters)
    weights = np.concatenate([np.ones((1, count)), drawn])[:, cluster_of]  # (1 + B, U)
    tpr, fpr = (_cumulative(weights @ counts) for counts in (inside, outside))  # (1 + B, bins + 1)
    aucs = np.trapezoid(tpr, fpr, axis=1)
    at = {
        level: np.array([np.interp(level, f, t) for f, t in zip(fpr, tpr, strict=True)])
        for level in (0.01, 0.001)
    }
    return AttackMeasures(
        auc=estimate_from(aucs),
        tpr_at_1pct=estimate_from(at[0.01]),
        tpr_at_01pct=estimate_from(at[0.001]),
        fpr=_CURVE_FPRS,
        tpr=np.interp(_CURVE_FPRS, fpr[0], tpr[0]),
    )


def _histograms(scores: np.ndarray, took_part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of each unit's scores by quantile bin, highest first, of those who took part and of the others."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = len(edges) - np.searchsorted(edges, scores, side="right")  # (R, U), 0 is the highest
    units = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    shape = scores.shape[1], len(edges) + 1
    counts = []
    for chosen in (took_part, ~took_part):
        flat = np.ravel_multi_index((units[chosen], bins[chosen]), shape)
        counts.append(np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(float))
    return counts[0], counts[1]


def _cumulative(counts: np.ndarray) -> np.ndarray:
    """Accumulates counts to shares from 0 to 1: (B, bins) -> (B, bins + 1)."""
    total = np.cumsum(counts, axis=1)
    return np.concatenate([np.zeros((len(counts), 1)), total / total[:, -1:]], axis=1)
