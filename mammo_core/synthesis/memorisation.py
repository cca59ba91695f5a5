"""Detects synthetic masses that are copies of training masses, calibrated on unseen real masses.

A synthetic mass is suspicious when it is much nearer to a training mass than to any real mass that the
generator never saw. How much nearer is normal is learned from held-out real masses, which cannot be
copies. The test finds near-copies in the feature space, over flips and turns; it cannot prove that
nothing was memorised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor


@dataclass(frozen=True)
class CopyCheck:
    """The result of the search for copies.

    Attributes:
        ratios: (M,) distance to the nearest training mass over that to the nearest held-out one.
        nearest_train: (M,) row of the nearest training mass.
        threshold: Ratios below are flagged; a share `expected_rate` of unseen real masses lies below.
        expected_rate: That share.
        p_value: Chance of this many flags or more if synthetic masses were as innocent as unseen ones.
    """

    ratios: np.ndarray
    nearest_train: np.ndarray
    threshold: float
    expected_rate: float
    p_value: float

    @property
    def flagged(self) -> np.ndarray:
        """(M,) bool."""
        return self.ratios < self.threshold

    @property
    def flagged_rate(self) -> float:
        """Share of synthetic masses flagged."""
        return float(self.flagged.mean())


@dataclass(frozen=True)
class CopyDetector:
    """The search for copies, calibrated once: any number of synthetic masses can then be checked.

    Attributes:
        train_views: (N, V, D) features of all flips and turns of the training masses.
        heldout_views: (H, V, D) of real masses that the generator never saw.
        threshold, expected_rate: As in `CopyCheck`.
    """

    train_views: Tensor
    heldout_views: Tensor
    threshold: float
    expected_rate: float

    def check(self, synthetic: Tensor) -> CopyCheck:
        """Flags those of the synthetic masses, (M, D) upright, that are suspiciously near to training masses."""
        to_train, nearest = view_distances(synthetic, self.train_views).min(dim=1)
        ratios = (to_train / view_distances(synthetic, self.heldout_views).amin(1)).numpy()
        flags = int((ratios < self.threshold).sum())
        return CopyCheck(
            ratios=ratios,
            nearest_train=nearest.numpy(),
            threshold=self.threshold,
            expected_rate=self.expected_rate,
            p_value=float(binom.sf(flags - 1, len(ratios), self.expected_rate)),
        )


def calibrate(
    train_views: Tensor,
    heldout_views: Tensor,
    heldout_patients: np.ndarray,
    *,
    expected_rate: float = 0.01,
) -> CopyDetector:
    """Learns from held-out real masses, which cannot be copies, how near is normal.

    Args:
        train_views: (N, V, D) features of all flips and turns of the training masses.
        heldout_views: (H, V, D) of real masses that the generator never saw; the upright view first.
        heldout_patients: (H,) str. A held-out mass is never compared with its own patient's.
        expected_rate: Share of held-out masses that the threshold flags; a few masses allow no finer one than one of them.
    """
    expected_rate = max(expected_rate, 1 / len(heldout_views))
    own = torch.from_numpy(heldout_patients[:, None] == heldout_patients[None])  # (H, H)
    upright = heldout_views[:, 0]
    among_heldout = view_distances(upright, heldout_views).masked_fill(own, torch.inf)
    normal = view_distances(upright, train_views).amin(1) / among_heldout.amin(1)
    threshold = float(torch.quantile(normal, expected_rate))
    return CopyDetector(train_views, heldout_views, threshold, expected_rate)


@dataclass(frozen=True)
class NearestViews:
    """The nearest of many masses, each in the flip or turn in which it is nearest.

    Attributes:
        rows: (K,) nearest first.
        views: (K,) the view of each.
        distances: (K,)
    """

    rows: np.ndarray
    views: np.ndarray
    distances: np.ndarray


def nearest_views(mass: Tensor, views: Tensor, count: int) -> NearestViews:
    """Finds the `count` masses of `views` (N, V, D), or all if fewer, nearest to one mass (D,)."""
    distances = torch.cdist(mass[None, None].float(), views.float().transpose(0, 1))[:, 0]  # (V, N)
    best, view = distances.min(dim=0)  # (N,)
    found = best.topk(min(count, len(best)), largest=False)
    return NearestViews(found.indices.numpy(), view[found.indices].numpy(), found.values.numpy())


def view_distances(masses: Tensor, views: Tensor) -> Tensor:
    """Computes distances of masses to other masses in their best view: (M, D), (N, V, D) -> (M, N)."""
    best = torch.full((len(masses), len(views)), torch.inf)
    for view in range(views.shape[1]):
        best = torch.minimum(best, torch.cdist(masses.float(), views[:, view].float()))
    return best
