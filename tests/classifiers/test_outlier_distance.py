import pytest
import torch

from mammo_core.classifiers.outlier_distance import outlier_distance
from mammo_core.classifiers.projection import Projection, fit_projection
from mammo_core.config.runs import HeadRecipe
from mammo_core.errors import InvalidRequestError

SPREADS = torch.tensor([4.0, 2.0, 1.0, 0.5])


def masses(count, seed):
    rng = torch.Generator().manual_seed(seed)
    return 3 + SPREADS * torch.randn(count, 2, 4, generator=rng)


@pytest.mark.parametrize("whitening", [0.3, 0.5, 1.0])
def test_masses_like_the_synthetic_ones_have_about_one_whatever_the_whitening(whitening):
    recipe = HeadRecipe(projection_dims=4, whitening=whitening)
    projection = fit_projection(recipe, masses(4000, seed=0))

    found = outlier_distance(projection, whitening, masses(500, seed=1))

    assert float(found.mean()) == pytest.approx(1, abs=0.05)


def test_a_deviation_along_a_quiet_direction_counts_more():
    recipe = HeadRecipe(projection_dims=4, whitening=0.5)
    projection = fit_projection(recipe, masses(4000, seed=0))
    moved = projection.mean + 4 * torch.eye(4)[:, None, :]  # (4, 1, 4)

    found = outlier_distance(projection, 0.5, moved)

    assert found.argsort().tolist() == [0, 1, 2, 3]
    assert float(found[3]) == pytest.approx((4 / 0.5) ** 2 / 4, rel=0.1)


def test_a_deviation_outside_of_the_directions_kept_is_seen():
    projection = fit_projection(HeadRecipe(projection_dims=2), masses(4000, seed=0))
    outside = (projection.mean + torch.tensor([0, 0, 0, 50.0]))[None, None]

    assert float(outlier_distance(projection, 0.5, outside)) > 100


def test_without_a_projection_there_is_nothing_to_compare_with():
    with pytest.raises(InvalidRequestError, match="a projection that whitens"):
        outlier_distance(Projection(mean=None, matrix=None, bias=0.3), 0.5, torch.ones(1, 1, 4))
