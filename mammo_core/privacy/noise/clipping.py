"""Scales contributions down to a bound, with a margin for what rounding may add to it."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from mammo_core.privacy.noise.kinds import CLIP_MARGIN


def clip_factors(norms: Tensor, max_norm: float) -> Tensor:
    """Computes by what contributions of these norms are multiplied: none is then longer than max_norm less the margin.

    Args:
        norms: Not rounded down. What is not finite gets the factor 0.
    """
    factors = ((1 - CLIP_MARGIN) * max_norm / norms).clamp(max=1.0)
    return torch.where(norms.isfinite(), factors, 0)


def l2_norm(values: Tensor, dim: int | None = None) -> Tensor:
    """Computes the L2 norm of all values, or along one dimension."""
    return cast("Tensor", torch.linalg.vector_norm(values, dim=dim))


def clip_rows(contributions: Tensor, max_norm: float) -> Tensor:
    """Scales down every row longer than `max_norm` less the margin: (U, D) -> (U, D) float64.

    A row that is not finite becomes zeros.
    """
    exact = contributions.double()
    factors = clip_factors(l2_norm(exact, dim=1), max_norm)[:, None]
    return torch.where(factors > 0, exact, 0) * factors
