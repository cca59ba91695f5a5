import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.low_frequencies import LowFrequencies


def test_coefficients_survive_the_way_to_an_image_and_back():
    waves = LowFrequencies(32, 20)
    coefficients = torch.randn(3, 20)

    images = waves.reconstruct(coefficients)

    assert images.shape == (3, 1, 32, 32)
    torch.testing.assert_close(waves.analyse(images), coefficients, atol=1e-5, rtol=0)
    assert waves.remove(images).abs().max() < 1e-5


def test_basis_is_orthonormal_so_that_energy_is_kept():
    waves = LowFrequencies(32, 20)
    coefficients = torch.randn(1, 20)

    assert waves.reconstruct(coefficients).square().sum() == pytest.approx(
        coefficients.square().sum().item(), rel=1e-5
    )


def test_first_coefficient_is_the_mean_grey_and_later_ones_are_finer():
    waves = LowFrequencies(32, 20)
    each = waves.reconstruct(torch.eye(20))  # (20, 1, 32, 32)
    roughness = (each[..., 1:] - each[..., :-1]).square().mean((1, 2, 3)) + (
        each[..., 1:, :] - each[..., :-1, :]
    ).square().mean((1, 2, 3))

    assert each[0].std() < 1e-6
    assert roughness[1:5].mean() < roughness[-5:].mean() / 4


def test_more_coefficients_than_the_image_has_are_refused():
    with pytest.raises(InvalidRequestError, match="smaller latent_dim"):
        LowFrequencies(16, 60)
