"""Noise on a grid: the exact distribution of a rounded Gaussian, whatever floating point does."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtri

from mammo_core.privacy.noise import grid
from mammo_core.privacy.noise.grid import add_noise, step_of
from mammo_core.privacy.noise.sources import ReproducibleNoise, SecretNoise

BITS = 64


class Words:
    """Gives chosen words, in turn."""

    def __init__(self, *words):
        self.left = list(words)

    def words(self, count):
        given, self.left = self.left[:count], self.left[count:]
        assert len(given) == count
        return np.array(given, dtype=np.uint64)


def exactly(mean, deviation, word, *more):
    """Φ⁻¹ of a word and the words after it, in 400 bits: what is released in steps, before rounding."""
    with mpmath.workprec(400):
        digits = 0
        for each in (word, *more):
            digits = digits << BITS | each
        uniform = (mpmath.mpf(digits) + 0.5) / 2 ** (BITS * (1 + len(more)))
        start = ndtri(float(min(uniform, 1 - uniform))) * (1 if uniform < 0.5 else -1)
        normal = mpmath.findroot(lambda z: mpmath.ncdf(z) - uniform, float(start))
        return (mpmath.mpf(mean) + mpmath.mpf(deviation) * normal) / mpmath.mpf(step_of(deviation))


@pytest.mark.parametrize("deviation", [1e-9, 0.7, 1.0, 3e5])
def test_noise_has_the_deviation_and_the_distribution_that_were_asked_for(deviation):
    released = add_noise(torch.full((300, 200), 2.5 * deviation), deviation, SecretNoise())

    standard = (released / deviation - 2.5).flatten().numpy()
    assert released.shape == (300, 200)
    assert standard.std() == pytest.approx(1.0, rel=0.02)
    assert stats.kstest(standard, "norm").pvalue > 1e-5


@pytest.mark.pitfall("Gaps in floating-point noise")
@pytest.mark.parametrize("deviation", [1e-9, 0.7, 1.0, 3e5])
def test_released_numbers_are_multiples_of_a_step_that_no_sum_changes(deviation):
    step = step_of(deviation)
    sums = (
        deviation * torch.randn(3, 2000, dtype=torch.float64) * torch.tensor([[1e-3], [1], [1e3]])
    )

    released = add_noise(sums, deviation, SecretNoise())

    assert math.log2(step).is_integer()
    assert 2**10 <= deviation / step < 2**11
    assert torch.equal((released / step).round() * step, released)


def test_no_noise_adds_nothing():
    sums = torch.randn(5, dtype=torch.float64)

    assert torch.equal(add_noise(sums, 0.0, SecretNoise()), sums)


def test_numbers_that_are_not_finite_stay_as_they_are():
    released = add_noise(torch.tensor([math.inf, math.nan, 0.0]), 1.0, SecretNoise())

    assert released[0] == math.inf
    assert released[1].isnan()
    assert released[2].isfinite()


def test_reproducible_noise_is_the_same_in_one_part_and_in_many(monkeypatch):
    sums = torch.randn(1000, dtype=torch.float64)
    at_once = add_noise(sums, 0.7, ReproducibleNoise(5))

    monkeypatch.setattr(grid, "_AT_ONCE", 64)

    assert torch.equal(add_noise(sums, 0.7, ReproducibleNoise(5)), at_once)


@pytest.mark.pitfall("Gaps in floating-point noise")
def test_released_numbers_are_those_of_exact_arithmetic():
    words = [int(word) for word in ReproducibleNoise(1).words(40)]
    words += [0, 1, 2**39, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]
    sums = torch.linspace(-3, 3, len(words), dtype=torch.float64)

    released = add_noise(sums, 0.7, Words(*words, *[2**63] * len(words)))

    for got, summed, word in zip(released.tolist(), sums.tolist(), words, strict=True):
        wanted = mpmath.nint(exactly(summed, 0.7, word, 2**63))
        assert got / step_of(0.7) == wanted


@pytest.mark.pitfall("Gaps in floating-point noise")
@pytest.mark.parametrize("more", [0, 2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("word", [2**50 + 12345, 2**62 + 98765, 2**63 + 2**61])
def test_a_sum_on_the_edge_of_rounding_is_decided_by_more_bits(word, more):
    """Floating point cannot tell the two sides apart here; the bits of u after the first 64 do."""
    middle = exactly(0.0, 1.0, word, 2**63)
    with mpmath.workprec(400):
        aside = float(mpmath.floor(middle) + 0.5 - middle) * step_of(1.0)
    source = Words(word, more, 2**40, 2**40)

    (released,) = add_noise(torch.tensor([aside], dtype=torch.float64), 1.0, source).tolist()

    assert released / step_of(1.0) == mpmath.nint(exactly(aside, 1.0, word, more, 2**40, 2**40))
    assert len(source.left) < 3, "bits were drawn to decide it"


@pytest.mark.pitfall("Gaps in floating-point noise")
def test_the_inverse_normal_is_as_exact_as_is_relied_on():
    """`_ERROR` counts on 2^-47; measured are 2^-49."""
    chances = [2.0**-k for k in range(1, 25)] + np.linspace(2.0**-24, 0.5, 400).tolist()
    with mpmath.workprec(120):
        errors = [
            float((mpmath.ncdf(z) - mpmath.mpf(chance)) / mpmath.npdf(z))
            for chance in chances
            for z in [mpmath.mpf(float(ndtri(chance)))]
        ]

    assert max(map(abs, errors)) < 2.0**-47
