"""Noise: the right distribution, never twice the same unless asked for, and not from 32 bits."""

import numpy as np
import pytest
import torch
from scipy import stats

from mammo_core.privacy.noise.kinds import randomness_of
from mammo_core.privacy.noise.sources import KeyedNoise, ReproducibleNoise, SecretNoise, noise_from


@pytest.mark.pitfall("Seeds of 32 bits")
def test_torch_generators_keep_only_32_bits_of_a_seed():
    """Why secret noise comes from no seed; should torch ever mend this, our docstring is out of date."""
    first, second = (
        torch.randn(3, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5 + 2**40)
    )

    assert torch.equal(first, second)


@pytest.mark.parametrize("source", [SecretNoise(), KeyedNoise(), ReproducibleNoise(3)])
def test_numbers_have_the_distribution_they_are_named_after(source):
    normal, uniform = source.normal(200, 500).double(), source.uniform(100_000).double()

    assert normal.shape == (200, 500)
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-4
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(normal[:100].ravel(), normal[100:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("source", [SecretNoise, KeyedNoise])
def test_secret_noise_is_never_the_same(source):
    first, second = (source().normal(4) for _ in range(2))

    assert not torch.equal(first, second)


def test_reproducible_noise_follows_from_its_seed():
    first, second, other = (noise_from(seed).normal(4) for seed in (1, 1, 2))

    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.pitfall("Gaps in floating-point noise")
def test_the_least_and_the_largest_random_words_give_finite_noise(monkeypatch):
    for byte in (b"\x00", b"\xff"):
        monkeypatch.setattr("os.urandom", lambda count, byte=byte: byte * count)

        assert torch.isfinite(SecretNoise().normal(5)).all()
        assert ((SecretNoise().uniform(5) > 0) & (SecretNoise().uniform(5) < 1)).all()


def test_no_seed_means_secret():
    assert isinstance(noise_from(None), SecretNoise)


@pytest.mark.pitfall("Noise expanded from a key")
def test_a_key_comes_from_the_operating_system_and_all_of_it_counts(monkeypatch):
    keys = [bytes(16), bytes(15) + b"\x01", b"\x01" + bytes(15)]
    drawn = []
    for key in keys:
        monkeypatch.setattr("os.urandom", lambda count, key=key: key[:count])
        drawn.append(KeyedNoise().normal(4))

    assert len({tuple(numbers.tolist()) for numbers in drawn}) == 3
    monkeypatch.setattr("os.urandom", lambda count: keys[0])
    assert torch.equal(KeyedNoise().normal(4), drawn[0])


def test_millions_of_weights_get_noise_from_a_key():
    assert isinstance(noise_from(None, 28_000_000), KeyedNoise)
    assert isinstance(noise_from(None, 100_000), SecretNoise)
    assert isinstance(noise_from(7, 28_000_000), ReproducibleNoise)
    assert randomness_of(28_000_000, "secret") == "keyed"
    assert randomness_of(100_000, "secret") == "secret"
    assert randomness_of(28_000_000, "reproducible") == "reproducible"


def test_reproducible_noise_goes_on_from_its_state():
    first, second = ReproducibleNoise(1), ReproducibleNoise(2)
    first.normal(5)

    second.restore(first.state())

    assert torch.equal(first.normal(3), second.normal(3))
    assert torch.equal(first.uniform(3), second.uniform(3))
