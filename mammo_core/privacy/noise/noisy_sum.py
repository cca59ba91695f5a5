"""Releases a sum: every unit's contribution is clipped, and Gaussian noise is added."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from torch import Tensor

from mammo_core.config import validate
from mammo_core.privacy.noise.clipping import clip_rows
from mammo_core.privacy.noise.grid import add_noise
from mammo_core.privacy.noise.sources import NoiseSource


def unit_means(vectors: Tensor, unit_rows: Tensor) -> Tensor:
    """Computes the mean vector of each unit's masses: (N, D), (U, B) rows padded with -1 -> (U, D); zeros for an empty unit."""
    mask = (unit_rows >= 0).to(vectors.dtype)
    gathered = vectors[unit_rows.clamp(min=0)] * mask[..., None]  # (U, B, D)
    return gathered.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def noisy_sum(
    contributions: Tensor, max_norm: float, noise_multiplier: float, noise: NoiseSource
) -> Tensor:
    """Computes the sum over units with noise of standard deviation noise_multiplier · max_norm.

    Args:
        contributions: (U, D), one row per unit of privacy; clipped here.
        noise: Secret where the result is released.

    Returns:
        (D,) in the contributions' precision, on their device. It is 1 / noise_multiplier-GDP for emptying one unit,
        whose row is then zeros.

    Source: Dong, Roth and Su 2019, arXiv:1905.02383, theorem 1 (the Gaussian mechanism).
    """
    validate.positive(max_norm=max_norm)
    summed = clip_rows(contributions, max_norm).sum(dim=0)
    released = add_noise(summed, noise_multiplier * max_norm, noise)
    return released.to(contributions)
