"""Adds Gaussian noise to sums where floating point meets privacy: what is released lies on a grid.

Numbers in floating point have gaps, and which of them a noisy sum can take tells the sum (Mironov 2012,
doi:10.1145/2382196.2382264). So each sum and its noise are added as real numbers, and the result is rounded to
multiples of a step that follows from public settings. Rounding what a Gaussian mechanism gives is post-processing
of it, and the rounding here is exact:

* Noise is z = Φ⁻¹(u), where u is a real number between 0 and 1 of which 64 random bits are drawn first.
* In floating point, sum plus noise is known up to a bound that is far below the step. Unless that bound reaches
  across the middle between two multiples, the nearest multiple is certain.
* Else, a few times in a billion, u is compared with Φ at the middle, with as many digits as needed; more bits of u are drawn
  where 64 do not decide (Ziv 1991, doi:10.1145/114697.116813).

So the released numbers have exactly the distribution of the rounded Gaussian mechanism, and δ needs no slack for
arithmetic. This rests on the source's bits being random, and on `_ERROR`.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from mammo_core.privacy.noise.sources import NoiseSource

_EXACT: Any = mpmath  # has no types
_STEP_BITS = 10  # the noise's deviation is 2^10 to 2^11 steps: rounding adds 10^-7 of its variance
# Of z as computed, for u between 2^-24 and 1 - 2^-24: 2^-43.5 for the bits of u after the first 64, 2^-47 for
# `ndtri` and 2^-50 for roundings. Eight times their sum.
_ERROR = 2.0**-40
# of 2^64: below it, and as far from the other end, the bits not yet drawn matter more
_LEAST_WORD = 2**40
_WORD_BITS = 64
_GUARD_BITS = 64  # of precision beyond the bits of u
_AT_ONCE = 2**15  # numbers, so that they stay in the processor's cache


def step_of(deviation: float) -> float:
    """Computes the step of the grid for noise of a standard deviation: a power of two, about a thousandth of it."""
    return math.ldexp(1.0, math.frexp(deviation)[1] - 1 - _STEP_BITS)


def add_noise(sums: Tensor, deviation: float, source: NoiseSource) -> Tensor:
    """Adds independent Gaussian noise to each number, and rounds to a multiple of `step_of` the deviation.

    Args:
        sums: Of any shape, on any device; every digit counts, so sum in float64.
        deviation: Standard deviation of the noise. It must not depend on private data. 0 adds nothing.

    Returns:
        float64 on the CPU. Numbers that are not finite stay as they are.

    Guarantee:
        The result has the distribution of the nearest multiple of the step to sums + deviation · N(0, 1), for the
        sums as given: whatever a Gaussian mechanism guarantees for them, it does.
    """
    exact = sums.detach().cpu().double()
    if deviation == 0:
        return exact
    step = step_of(deviation)
    spread = deviation / step  # exact, as is the next line: steps are powers of two
    scaled = exact.flatten().numpy() / step
    released = np.empty_like(scaled)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(scaled), _AT_ONCE)]
    drawn = (_Drawn(scaled[part], source.words(len(scaled[part])), spread) for part in parts)
    for part, rounded in zip(parts, _in_parallel(drawn, len(parts)), strict=True):
        for index in np.flatnonzero(rounded.is_open):
            rounded.steps[index] = _decided(rounded, int(index), spread, source)
        released[part] = rounded.whole + rounded.steps
    return torch.from_numpy(released * step).view(exact.shape)


@dataclass(frozen=True)
class _Drawn:
    """Sums and the deviation of their noise, both in steps, and a word of random bits for each sum."""

    scaled: np.ndarray
    words: np.ndarray
    spread: float


@dataclass(frozen=True)
class _Rounded:
    """Numbers in steps: `whole` of the sum, and `steps` for the `rest` of it and the noise, right unless open."""

    whole: np.ndarray
    rest: np.ndarray
    steps: np.ndarray
    words: np.ndarray
    is_open: np.ndarray


def _in_parallel(drawn: Iterator[_Drawn], count: int) -> Iterator[_Rounded]:
    """Rounds parts in their order; bits are drawn in that order, too, whatever runs beside."""
    if count <= 1:
        yield from map(_rounded, drawn)
        return
    with ThreadPoolExecutor(min(count, os.cpu_count() or 1)) as pool:
        yield from pool.map(_rounded, drawn)


def _rounded(drawn: _Drawn) -> _Rounded:
    """Adds noise to sums, as far as floating point can decide what they are rounded to."""
    scaled, words, spread = drawn.scaled, drawn.words, drawn.spread
    whole = np.rint(scaled)
    is_finite = np.isfinite(scaled)
    rest = np.subtract(scaled, whole, out=np.zeros_like(scaled), where=is_finite)  # exact
    from_end = np.minimum(words, ~words)
    normal = ndtri((from_end + 0.5) * 2.0**-_WORD_BITS)
    np.negative(normal, out=normal, where=words > from_end)
    moved = rest + spread * normal
    steps = np.rint(moved)
    from_middle = 0.5 - np.abs(moved - steps)
    is_open = (from_middle < spread * _ERROR) | (from_end < _LEAST_WORD)
    return _Rounded(whole, rest, steps, words, is_open & is_finite)


def _decided(rounded: _Rounded, index: int, spread: float, source: NoiseSource) -> int:
    """Finds the multiple of the step next to rest + spread · Φ⁻¹(u), for a u whose first 64 bits are the word."""
    uniform = _Uniform(int(rounded.words[index]), source)
    rest, steps = float(rounded.rest[index]), int(rounded.steps[index])
    while uniform.is_below_normal(steps - 0.5, rest, spread):
        steps -= 1
    while not uniform.is_below_normal(steps + 0.5, rest, spread):
        steps += 1
    return steps


class _Uniform:
    """A real number between 0 and 1 of which as many bits are drawn as comparisons need."""

    def __init__(self, word: int, source: NoiseSource) -> None:
        self._digits, self._bits, self._source = word, _WORD_BITS, source

    def is_below_normal(self, at: float, mean: float, deviation: float) -> bool:
        """Tells whether it is below the normal distribution's function at a number."""
        while True:
            with _EXACT.workprec(self._bits + _GUARD_BITS):
                chance = _EXACT.ncdf((_EXACT.mpf(at) - mean) / deviation)
                bound = _EXACT.ldexp(chance, self._bits)
                slack = _EXACT.ldexp(1, 8 - _GUARD_BITS)
                if self._digits + 1 <= bound - slack:
                    return True
                if self._digits >= bound + slack:
                    return False
            self._digits = self._digits << _WORD_BITS | int(self._source.words(1)[0])
            self._bits += _WORD_BITS
