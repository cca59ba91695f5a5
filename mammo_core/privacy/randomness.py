"""Where noise that protects patients comes from.

A `torch.Generator` on the CPU keeps only 32 bits of its seed: noise from it can be found again by trying four
billion seeds, whatever the seed's own length. Noise that is to protect anybody is therefore drawn from the
operating system's cryptographic generator, and never from a seed.

Floating-point noise takes only some values, which can give the sum below it away (Mironov 2012,
doi:10.1145/2382196.2382264). Each Gaussian is therefore the scaled sum of four, as Holohan and Braghin
advise (2021, arXiv:2107.10138, section 5.1) and as Opacus does in its secure mode.
"""

from __future__ import annotations

import math
import os
from typing import Protocol

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

_SUMMED = 4
_BITS = 53  # of a double's fraction


class NoiseSource(Protocol):
    """Draws independent numbers; each call draws new ones."""

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, on the CPU."""

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1), on the CPU."""


class SecretNoise:
    """From the operating system's cryptographic generator: nobody can draw it again. float64."""

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, each number the scaled sum of four."""
        drawn = ndtri(_uniform(_SUMMED * math.prod(shape))).reshape(_SUMMED, *shape)
        return torch.from_numpy(drawn.sum(axis=0) / math.sqrt(_SUMMED))

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on (0, 1)."""
        return torch.from_numpy(_uniform(math.prod(shape)).reshape(shape))


class ReproducibleNoise:
    """From a seed: the same noise for whoever knows or guesses it, so for demonstration only. float32."""

    def __init__(self, seed: int) -> None:
        self._rng = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self._rng)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1)."""
        return torch.rand(shape, generator=self._rng)


def noise_from(seed: int | None) -> NoiseSource:
    """Reproducible noise from a seed, or secret noise from the operating system for None."""
    return SecretNoise() if seed is None else ReproducibleNoise(seed)


def _uniform(count: int) -> np.ndarray:
    """(count,) float64 strictly between 0 and 1, each of 2^53 equally likely values."""
    words = np.frombuffer(os.urandom(8 * count), dtype=np.uint64) >> np.uint64(64 - _BITS)
    return np.minimum((words + 0.5) * 2.0**-_BITS, 1 - 2.0**-_BITS)
