import numpy as np
import torch

from mammo_core.synthesis.coarse_views import coarse_views, scaled_like
from tests.conftest import make_cohort

IMAGES = make_cohort(6, size=64).images


def test_turned_mass_has_the_same_views_in_another_order():
    turned = np.rot90(IMAGES, axes=(1, 2)).copy()

    here, there = coarse_views(IMAGES), coarse_views(turned)

    assert here.shape == (12, 8, 120)
    for mass in range(12):
        distances = torch.cdist(here[mass], there[mass])
        assert distances.min(dim=1).values.max() < 1e-3


def test_grain_hardly_moves_them_and_size_does_not_matter():
    smooth = np.kron(make_cohort(6, size=8).images, np.ones((16, 16))).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 10, smooth.shape)
    grainy = (smooth + noise).clip(0, 255).astype(np.uint8)

    plain, noisy, small = (
        coarse_views(images)[:, 0] for images in (smooth, grainy, smooth[:, ::2, ::2])
    )

    apart = torch.cdist(plain, plain).fill_diagonal_(torch.inf).min()
    assert (noisy - plain).norm(dim=1).max() < apart / 4
    torch.testing.assert_close(small, plain, atol=1e-3, rtol=1e-3)


def test_every_frequency_counts_alike():
    scaled = scaled_like(coarse_views(IMAGES), coarse_views(IMAGES))

    torch.testing.assert_close(scaled.flatten(0, 1).std(dim=0), torch.ones(120))
