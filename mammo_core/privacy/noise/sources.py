"""Draws the noise that protects patients.

A `torch.Generator` on the CPU keeps only 32 bits of its seed: noise from it can be found again by trying four
billion seeds, whatever the seed's own length. Noise that is to protect anybody is therefore drawn from the
operating system's cryptographic generator, and never from a seed.

Floating-point noise takes only some values, which can give the sum below it away (Mironov 2012,
doi:10.1145/2382196.2382264). Each Gaussian is therefore the scaled sum of four, as Holohan and Braghin
advise (2021, arXiv:2107.10138, section 5.1) and as Opacus does in its secure mode.

That takes about a second for two million numbers. For networks with more weights, noise is expanded from a secret
key instead (`KeyedNoise`), which stands on weaker ground; what it was is stated beside the result.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
import os
from typing import Protocol

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from mammo_core.privacy.noise.kinds import randomness_of

_KEY_BYTES = 16
_SUMMED = 4
_BITS = 53  # of a double's fraction


class NoiseSource(Protocol):
    """Draws independent numbers; each call draws new ones."""

    def normal(self, *shape: int) -> Tensor:
        """Draws standard normal numbers, on the CPU."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """Draws uniform numbers on [0, 1), on the CPU."""
        ...


class SecretNoise:
    """From the operating system's cryptographic generator: nobody can draw it again. float64."""

    def normal(self, *shape: int) -> Tensor:
        """Draws standard normal numbers, each the scaled sum of four."""
        drawn = ndtri(_uniform(_SUMMED * math.prod(shape))).reshape(_SUMMED, *shape)
        return torch.from_numpy(drawn.sum(axis=0) / math.sqrt(_SUMMED))

    def uniform(self, *shape: int) -> Tensor:
        """Draws uniform numbers on (0, 1)."""
        return torch.from_numpy(_uniform(math.prod(shape)).reshape(shape))


class KeyedNoise:
    """From a secret key of 128 bits that the operating system gives to each object. float64.

    The key is expanded by Philox (Salmon et al. 2011, doi:10.1145/2063384.2063405), a counter-based
    generator made for simulation: it passes statistical tests and nobody has published an attack, but it
    was not designed or proven to withstand one, as the operating system's generator was. Gaussians are not
    sums of four. For networks with so many weights that `SecretNoise` would take seconds per step.
    """

    def __init__(self) -> None:
        key = int.from_bytes(os.urandom(_KEY_BYTES), "little")
        self._rng = np.random.Generator(np.random.Philox(key=key))

    def normal(self, *shape: int) -> Tensor:
        """Draws standard normal numbers."""
        return torch.from_numpy(np.asarray(self._rng.standard_normal(shape)))

    def uniform(self, *shape: int) -> Tensor:
        """Draws uniform numbers on [0, 1)."""
        return torch.from_numpy(np.asarray(self._rng.random(shape)))


class ReproducibleNoise:
    """From a seed: the same noise for whoever knows or guesses it, so for demonstration only. float32."""

    def __init__(self, seed: int) -> None:
        self._rng = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Draws standard normal numbers."""
        return torch.randn(shape, generator=self._rng)

    def uniform(self, *shape: int) -> Tensor:
        """Draws uniform numbers on [0, 1)."""
        return torch.rand(shape, generator=self._rng)

    def state(self) -> Tensor:
        """Gives the state that continues the same noise elsewhere: (S,) uint8."""
        return self._rng.get_state()

    def restore(self, state: Tensor) -> None:
        """Goes on from another source's `state`."""
        self._rng.set_state(state)


def noise_from(seed: int | None, num_weights: int = 1) -> NoiseSource:
    """Chooses reproducible noise for a seed; for None secret noise, from a key if there are millions of weights."""
    if seed is not None:
        return ReproducibleNoise(seed)
    return KeyedNoise() if randomness_of(num_weights, "secret") == "keyed" else SecretNoise()


def _uniform(count: int) -> np.ndarray:
    """Draws (count,) float64 strictly between 0 and 1, each of 2^53 equally likely values."""
    words = np.frombuffer(os.urandom(8 * count), dtype=np.uint64) >> np.uint64(64 - _BITS)
    return np.minimum((words + 0.5) * 2.0**-_BITS, 1 - 2.0**-_BITS)
