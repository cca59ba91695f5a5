import pytest
import torch

from mammo_core.privacy.noise.clipping import clip_rows
from mammo_core.privacy.noise.kinds import CLIP_MARGIN
from mammo_core.privacy.noise.noisy_sum import noisy_sum, unit_means
from mammo_core.privacy.noise.sources import SecretNoise


def test_means_are_taken_over_the_masses_of_a_unit():
    vectors = torch.tensor([[1.0, 0], [3.0, 2.0], [10.0, 10.0]])
    unit_rows = torch.tensor([[0, 1], [2, -1]])

    assert unit_means(vectors, unit_rows).tolist() == [[2.0, 1.0], [10.0, 10.0]]


def test_an_emptied_unit_adds_zero():
    means = unit_means(torch.ones(2, 3), torch.tensor([[0, 1], [-1, -1]]))

    assert means.tolist() == [[1.0] * 3, [0.0] * 3]


def test_long_contributions_are_cut_and_short_ones_kept():
    rows = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])

    kept = 1 - CLIP_MARGIN
    assert clip_rows(rows, 1.0).tolist() == [
        pytest.approx([0.6 * kept, 0.8 * kept]),
        pytest.approx([0.3, 0.4]),
        [0.0, 0.0],
    ]


def test_a_contribution_that_is_not_finite_is_left_out():
    rows = torch.tensor([[float("nan"), 1.0], [float("inf"), 1.0], [0.3, 0.4]])

    assert clip_rows(rows, 1.0).tolist() == [[0, 0], [0, 0], pytest.approx([0.3, 0.4])]


def test_emptying_a_unit_moves_the_sum_by_the_clipping_norm_at_most():
    rows = 100 * torch.randn(20, 5)
    emptied = rows * (torch.arange(20) < 19)[:, None]
    without = noisy_sum(emptied, 0.5, 0.0, SecretNoise())
    with_it = noisy_sum(rows, 0.5, 0.0, SecretNoise())

    assert (with_it - without).norm() <= 0.5


@pytest.mark.pitfall("Noise or clipping missing or too small")
def test_noise_has_the_deviation_that_was_asked_for():
    released = noisy_sum(torch.zeros(3, 20_000), 0.5, 4.0, SecretNoise())

    assert released.std() == pytest.approx(2.0, rel=0.05)
