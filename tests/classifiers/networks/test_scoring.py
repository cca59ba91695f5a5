import numpy as np
import pytest
import torch

from mammo_core.classifiers.networks.building import build_classifier, malignancy
from mammo_core.classifiers.networks.scoring import score_masses
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import InvalidRequestError
from tests.conftest import make_cohort

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)


@pytest.fixture
def classifier():
    return build_classifier(TINY, NetworkRecipe(outputs=2), seed=0)


@pytest.fixture
def images():
    return make_cohort(20, 2).images


def test_scores_are_probabilities_of_the_network(classifier, images):
    scores = score_masses(classifier, images[:3], TINY)

    grey = torch.from_numpy(images[:3])[:, None].float() / 255
    resized = torch.nn.functional.interpolate(grey, size=(32, 32), mode="bicubic").clamp(0, 1)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (classifier.mean, classifier.std))
    with torch.inference_mode():
        expected = malignancy(classifier.network((resized - mean) / std))
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected.numpy(), rtol=1e-4)


def test_scores_do_not_depend_on_the_batch(classifier, images):
    together = score_masses(classifier, images, TINY, views=4)
    alone = np.concatenate(
        [score_masses(classifier, image[None], TINY, views=4) for image in images[:3]]
    )

    assert len(together) == 40
    np.testing.assert_allclose(together[:3], alone, rtol=1e-4)


def test_with_eight_views_a_turned_mass_scores_as_the_upright_one(classifier, images):
    turned = np.rot90(images, axes=(1, 2)).copy()

    once, all_views = (
        (
            score_masses(classifier, images, TINY, views=views),
            score_masses(classifier, turned, TINY, views=views),
        )
        for views in (1, 8)
    )

    assert np.abs(once[0] - once[1]).max() > 1e-4
    np.testing.assert_allclose(*all_views, rtol=1e-4)


def test_half_precision_scores_are_close(classifier, images):
    exact = score_masses(classifier, images, TINY)

    half = score_masses(classifier, images, TINY, autocast=torch.bfloat16)

    assert 0 < np.abs(half - exact).max() < 0.02


def test_other_numbers_of_views_are_refused(classifier, images):
    with pytest.raises(InvalidRequestError, match="views to be one of: 1, 4, 8; got 3"):
        score_masses(classifier, images, TINY, views=3)
