"""Describes masses by their coarse structure alone, for attacks that film grain does not mislead.

Features of a backbone change much when a mass gets other grain, which a generator that copied would give it.
The lowest frequencies hardly do.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mammo_core.synthesis.augment import all_turns
from mammo_core.synthesis.low_frequencies import LowFrequencies
from mammo_core.synthesis.sampling import from_uint8

_SIDE_PX = 64
_COUNT = 120


def coarse_views(images: np.ndarray) -> Tensor:
    """Computes the 120 lowest frequencies of all flips and turns: (N, H, W) uint8 -> (N, 8, 120), upright first."""
    small = functional.interpolate(
        from_uint8(torch.from_numpy(images)), size=(_SIDE_PX, _SIDE_PX), mode="area"
    )
    turns = all_turns(small)  # (N, 8, 1, S, S)
    frequencies = LowFrequencies(_SIDE_PX, _COUNT).analyse(turns.flatten(0, 1))
    return frequencies.unflatten(0, turns.shape[:2])


def scaled_like(views: Tensor, reference: Tensor) -> Tensor:
    """Divides views (…, K) by each frequency's deviation among reference views (H, V, K)."""
    return views / reference.flatten(0, 1).std(dim=0).clamp(min=1e-6)
