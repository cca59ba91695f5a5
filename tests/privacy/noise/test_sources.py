"""Noise: the right distribution, never twice the same unless asked for, and not from 32 bits."""

import os

import numpy as np
import pytest
import torch
from scipy import stats

from mammo_core.privacy.noise import sources
from mammo_core.privacy.noise.kinds import KEPT_SEED_DIGITS, randomness_of
from mammo_core.privacy.noise.sources import ReproducibleNoise, SecretNoise, noise_from


@pytest.mark.pitfall("Seeds of 32 bits")
def test_torch_generators_keep_only_32_bits_of_a_seed():
    """Why secret noise comes from no seed; should torch ever mend this, our docstring is out of date."""
    first, second = (
        torch.randn(3, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5 + 2**40)
    )

    assert torch.equal(first, second)


@pytest.mark.parametrize("source", [SecretNoise(), ReproducibleNoise(3)])
def test_numbers_have_the_distribution_they_are_named_after(source):
    words, uniform = source.words(100_000), source.uniform(200, 500).double()

    assert words.dtype == np.uint64
    assert uniform.shape == (200, 500)
    for part in (words * 2.0**-64, (words << np.uint64(40)) * 2.0**-64, uniform.ravel()):
        assert stats.kstest(part, "uniform").pvalue > 1e-5
        assert abs(np.corrcoef(part[:50_000], part[50_000:])[0, 1]) < 0.03


def test_secret_noise_is_never_the_same(monkeypatch):
    monkeypatch.setattr(sources, "os", os)  # the operating system's, not that of the other tests
    first, second = (SecretNoise().words(4) for _ in range(2))

    assert not np.array_equal(first, second)


def test_reproducible_noise_follows_from_its_seed():
    first, second, other = (noise_from(seed).words(4) for seed in (1, 1, 2))

    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("byte", "value"), [(b"\x00", 0.0), (b"\xff", 1 - 2.0**-53)])
def test_the_least_and_the_largest_random_words_give_uniform_numbers_below_one(
    byte, value, monkeypatch
):
    monkeypatch.setattr(sources.os, "urandom", lambda count: byte * count)

    assert SecretNoise().uniform(5).tolist() == [value] * 5


def test_no_seed_means_secret():
    assert isinstance(noise_from(None), SecretNoise)
    assert isinstance(noise_from(7), ReproducibleNoise)


def test_noise_is_named_by_where_it_came_from_also_of_older_runs():
    assert randomness_of(28_000_000, "secret", "grid") == "secret"
    assert randomness_of(28_000_000, "secret", "float") == "keyed"
    assert randomness_of(100_000, "secret", "float") == "sum of four"
    assert {randomness_of(1, "reproducible", kind) for kind in ("grid", "float")} == {
        "reproducible"
    }


def test_seeds_that_agree_in_the_digits_that_are_kept_give_the_same_noise():
    """What the ledger relies on, which takes such seeds for one."""
    first, second, other = (
        ReproducibleNoise(7 + step).words(4)
        for step in (0, 16**KEPT_SEED_DIGITS, 16 ** (KEPT_SEED_DIGITS - 1))
    )

    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_reproducible_noise_goes_on_from_its_state():
    first, second = ReproducibleNoise(1), ReproducibleNoise(2)
    first.words(5)

    second.restore(first.state())

    assert np.array_equal(first.words(3), second.words(3))
    assert torch.equal(first.uniform(3), second.uniform(3))
