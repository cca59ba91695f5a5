import pytest
import torch

from mammo_core.classifiers import projection
from mammo_core.classifiers.projection import fit_projection
from mammo_core.config.runs import HeadRecipe
from mammo_core.errors import InvalidRequestError

FEATURES = torch.randn(50, 8, 20, generator=torch.Generator().manual_seed(0)) * torch.linspace(
    3, 0.1, 20
)
RECIPE = HeadRecipe(projection_dims=5, whitening=1.0, bias=0.3)


def test_vectors_have_length_one_and_a_constant_last():
    vectors = fit_projection(RECIPE, FEATURES)(FEATURES[:7])

    assert vectors.shape == (7, 6)
    torch.testing.assert_close(vectors[:, :-1].norm(dim=1), torch.ones(7))
    assert (vectors[:, -1] == 0.3).all()


def test_directions_are_the_principal_components_whitened():
    views = FEATURES.flatten(0, 1)
    fitted = fit_projection(RECIPE, FEATURES)

    projected = (views - fitted.mean) @ fitted.matrix

    torch.testing.assert_close(
        torch.cov(projected.T, correction=0), torch.eye(5), rtol=1e-3, atol=1e-3
    )
    variance_kept = torch.linalg.svdvals(views - views.mean(0))[:5].square().sum() / len(views)
    unwhitened = fit_projection(HeadRecipe(projection_dims=5, whitening=0.0), FEATURES)
    kept = ((views - unwhitened.mean) @ unwhitened.matrix).square().sum() / len(views)
    torch.testing.assert_close(kept, variance_kept, rtol=1e-3, atol=1e-3)


def test_no_projection_looks_at_no_data():
    fitted = fit_projection(HeadRecipe(projection_dims=None), None)

    assert fitted.mean is None
    assert fitted(FEATURES).shape == (50, 21)


def test_projection_without_synthetic_masses_says_what_to_do():
    with pytest.raises(InvalidRequestError, match="Give a folder with --synthetic"):
        fit_projection(RECIPE, None)


def test_fewer_synthetic_views_than_directions_keep_what_there_is():
    fitted = fit_projection(HeadRecipe(projection_dims=512), FEATURES[:1].repeat(2, 1, 1))

    assert fitted(FEATURES).isfinite().all()


def test_projection_in_parts_is_that_of_all_at_once(monkeypatch):
    views = FEATURES.flatten(0, 1)
    centred = views - views.mean(dim=0)
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(views))
    whole = fit_projection(RECIPE, FEATURES)
    vectors = whole(FEATURES)

    monkeypatch.setattr(projection, "_MASSES_AT_ONCE", 7)
    in_parts = fit_projection(RECIPE, FEATURES)

    # to the bit where one part is all, as for every cohort that results were measured on
    assert torch.equal(whole.mean, views.mean(dim=0))
    assert torch.equal(whole.matrix, directions.flip(1)[:, :5] / variances.flip(0)[:5].sqrt())
    torch.testing.assert_close(in_parts.mean, whole.mean)
    torch.testing.assert_close(in_parts.matrix.abs(), whole.matrix.abs(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(whole(FEATURES), vectors)
