"""Noise: the right distribution, never twice the same unless asked for, and not from 32 bits."""

import numpy as np
import pytest
import torch
from scipy import stats

from mammo_core.privacy.randomness import ReproducibleNoise, SecretNoise, noise_from


def test_torch_generators_keep_only_32_bits_of_a_seed():
    """Why secret noise comes from no seed; should torch ever mend this, our docstring is out of date."""
    first, second = (
        torch.randn(3, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5 + 2**40)
    )

    assert torch.equal(first, second)


@pytest.mark.parametrize("source", [SecretNoise(), ReproducibleNoise(3)])
def test_numbers_have_the_distribution_they_are_named_after(source):
    normal, uniform = source.normal(200, 500).double(), source.uniform(100_000).double()

    assert normal.shape == (200, 500)
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-4
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(normal[:100].ravel(), normal[100:].ravel())[0, 1]) < 0.02


def test_secret_noise_is_never_the_same():
    first, second = (SecretNoise().normal(4) for _ in range(2))

    assert not torch.equal(first, second)


def test_reproducible_noise_follows_from_its_seed():
    first, second, other = (noise_from(seed).normal(4) for seed in (1, 1, 2))

    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_least_and_the_largest_random_words_give_finite_noise(monkeypatch):
    for byte in (b"\x00", b"\xff"):
        monkeypatch.setattr("os.urandom", lambda count, byte=byte: byte * count)

        assert torch.isfinite(SecretNoise().normal(5)).all()
        assert ((SecretNoise().uniform(5) > 0) & (SecretNoise().uniform(5) < 1)).all()


def test_no_seed_means_secret():
    assert isinstance(noise_from(None), SecretNoise)
