"""Releases a sum: every unit's contribution is clipped, and Gaussian noise is added."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from mammo_core.config import validate
from mammo_core.privacy.noise.sources import NoiseSource


def unit_means(vectors: Tensor, unit_rows: Tensor) -> Tensor:
    """Computes the mean vector of each unit's masses: (N, D), (U, B) rows padded with -1 -> (U, D)."""
    mask = (unit_rows >= 0).to(vectors.dtype)
    gathered = vectors[unit_rows.clamp(min=0)] * mask[..., None]  # (U, B, D)
    return gathered.sum(dim=1) / mask.sum(dim=1, keepdim=True)


def l2_norm(values: Tensor, dim: int | None = None) -> Tensor:
    """Computes the L2 norm of all values, or along one dimension."""
    return cast("Tensor", torch.linalg.vector_norm(values, dim=dim))


def clip_rows(contributions: Tensor, max_norm: float) -> Tensor:
    """Scales down every row longer than `max_norm`: (U, D) -> (U, D)."""
    norms = l2_norm(contributions, dim=1)[:, None]
    return contributions * (max_norm / norms.clamp(min=1e-12)).clamp(max=1.0)


def noisy_sum(
    contributions: Tensor, max_norm: float, noise_multiplier: float, noise: NoiseSource
) -> Tensor:
    """Computes the sum over units with noise of standard deviation noise_multiplier · max_norm.

    Args:
        contributions: (U, D), one row per unit of privacy; clipped here.
        noise: Secret where the result is released.

    Returns:
        (D,). It is 1 / noise_multiplier-GDP for adding or removing one unit.

    Source: Dong, Roth and Su 2019, arXiv:1905.02383, theorem 1 (the Gaussian mechanism).
    """
    validate.positive(max_norm=max_norm)
    clean = clip_rows(contributions, max_norm).sum(dim=0)
    drawn = noise.normal(*clean.shape)
    return clean + (noise_multiplier * max_norm * drawn).to(clean)
