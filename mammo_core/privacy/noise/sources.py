"""Draws the random bits of noise that protects patients; `grid` makes noise of them.

A `torch.Generator` on the CPU keeps only 32 bits of its seed: noise from it can be found again by trying four
billion seeds, whatever the seed's own length. Noise that is to protect anybody is therefore drawn from the
operating system's cryptographic generator, and never from a seed.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
import os
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

_FRACTION_BITS = 53  # of a double
_LEAST_INT64 = -(2**63)


class NoiseSource(Protocol):
    """Draws independent numbers; each call draws new ones."""

    def words(self, count: int) -> np.ndarray:
        """Draws (count,) uint64, each of 64 random bits."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """Draws uniform numbers on [0, 1), on the CPU."""
        ...


class SecretNoise:
    """From the operating system's cryptographic generator: nobody can draw it again."""

    def words(self, count: int) -> np.ndarray:
        """Draws (count,) uint64."""
        return np.frombuffer(os.urandom(8 * count), dtype=np.uint64)

    def uniform(self, *shape: int) -> Tensor:
        """Draws multiples of 2^-53 on [0, 1), each as likely: float64."""
        fractions = self.words(math.prod(shape)) >> np.uint64(64 - _FRACTION_BITS)
        return torch.from_numpy((fractions * 2.0**-_FRACTION_BITS).reshape(shape))


class ReproducibleNoise:
    """From a seed: the same noise for whoever knows or guesses it, so for demonstration only.

    Seeds that agree in their last 32 bits give the same noise. The ledger takes them for one.
    """

    def __init__(self, seed: int) -> None:
        self._rng = torch.Generator().manual_seed(seed)

    def words(self, count: int) -> np.ndarray:
        """Draws (count,) uint64."""
        drawn = torch.empty(count, dtype=torch.int64)
        return drawn.random_(_LEAST_INT64, None, generator=self._rng).numpy().view(np.uint64)

    def uniform(self, *shape: int) -> Tensor:
        """Draws uniform numbers on [0, 1): float32."""
        return torch.rand(shape, generator=self._rng)

    def state(self) -> Tensor:
        """Gives the state that continues the same noise elsewhere: (S,) uint8."""
        return self._rng.get_state()

    def restore(self, state: Tensor) -> None:
        """Goes on from another source's `state`."""
        self._rng.set_state(state)


def noise_from(seed: int | None) -> NoiseSource:
    """Chooses reproducible noise for a seed; for None secret noise."""
    return SecretNoise() if seed is None else ReproducibleNoise(seed)
