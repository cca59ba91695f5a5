import numpy as np
import pytest
import torch

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import compute_features, preprocess
from mammo_core.classifiers.networks.sources import FeatureSource, MassSource
from mammo_core.classifiers.networks.views import VIEWS
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import InvalidRequestError, PrivacyError
from tests.conftest import make_cohort

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def masses(cohort, **overrides):
    settings = {
        "unit": "patient",
        "augmentation": "none",
        "views": 1,
        "mean": (0.5,) * 3,
        "std": (0.5,) * 3,
        "image_size_px": 32,
    }
    return MassSource(cohort.images, cohort.labels, cohort.patient_ids, **(settings | overrides))


@pytest.fixture
def cohort():
    """Twelve patients of two masses each, not side by side."""
    cohort = make_cohort(12, 2)
    return cohort.where(np.random.default_rng(0).permutation(len(cohort)))


def test_a_patient_brings_all_masses_and_an_image_one(cohort):
    patients, images = masses(cohort), masses(cohort, unit="image")

    batch = patients.batch(torch.tensor([3, 5]), draw())

    assert (patients.num_units, images.num_units) == (12, 24)
    assert batch.unit_of_input.tolist() == [0, 0, 1, 1]
    patient = np.unique(cohort.patient_ids)[3]
    rows = np.flatnonzero(cohort.patient_ids == patient)
    assert batch.labels[:2].tolist() == cohort.labels[rows].tolist()
    single = images.batch(torch.from_numpy(rows), draw())
    assert torch.equal(single.inputs, batch.inputs[:2])
    assert single.unit_of_input.tolist() == [0, 1]


def test_upright_inputs_are_those_that_features_are_computed_from(cohort):
    backbone = load_backbone(TINY)
    source = masses(cohort, unit="image", mean=backbone.mean, std=backbone.std)

    batch = source.batch(torch.arange(24), draw())

    expected = preprocess(torch.from_numpy(cohort.images), backbone, TINY)
    assert torch.equal(batch.inputs, expected)


@pytest.mark.pitfall("Views clipped one by one")
def test_weights_make_a_masss_loss_the_mean_over_its_views(cohort):
    batch = masses(cohort, augmentation="turns", views=4).batch(torch.arange(12), draw())

    assert len(batch.inputs) == 12 * 2 * 4
    per_unit = torch.zeros(12).index_add(0, batch.unit_of_input, batch.weights)
    torch.testing.assert_close(per_unit, torch.full((12,), 2.0))  # its two masses
    assert (batch.unit_of_input.diff() >= 0).all()


@pytest.mark.pitfall("Views and dropout that depend on who else is there")
def test_how_a_patient_is_shown_depends_on_no_other(cohort):
    source = masses(cohort, augmentation="turns", views=2)

    together = source.batch(torch.tensor([1, 4, 9]), draw(7))
    alone = source.batch(torch.tensor([4]), draw(7))

    assert torch.equal(together.inputs[together.unit_of_input == 1], alone.inputs)


def test_views_change_from_step_to_step_and_follow_from_the_generator(cohort):
    source = masses(cohort, augmentation="turns", views=1)
    units = torch.arange(12)

    first, again, later = (source.batch(units, draw(seed)).inputs for seed in (1, 1, 2))

    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_cached_features_are_those_of_the_views_drawn(cohort):
    eight = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=8)
    features = compute_features(cohort.images, load_backbone(eight), eight)
    source = FeatureSource(
        features,
        cohort.labels,
        cohort.patient_ids,
        unit="image",
        augmentation="flips",
        views=4,
    )

    batch = source.batch(torch.tensor([2]), draw())

    assert batch.inputs.dtype == torch.float32
    flips = {tuple(row) for row in features[2][list(VIEWS["flips"])].astype(np.float32).tolist()}
    assert {tuple(row) for row in batch.inputs.tolist()} == flips


def test_features_without_the_views_to_draw_are_refused(cohort):
    with pytest.raises(InvalidRequestError, match="features of 8 views .* got 1. Compute"):
        FeatureSource(
            np.zeros((24, 1, 6), np.float16),
            cohort.labels,
            cohort.patient_ids,
            unit="image",
            augmentation="turns",
            views=1,
        )


def test_masses_that_are_not_square_are_refused(cohort):
    with pytest.raises(InvalidRequestError, match="Expected square masses"):
        MassSource(
            cohort.images[:, :, :10],
            cohort.labels,
            cohort.patient_ids,
            unit="patient",
            augmentation="none",
            views=1,
            mean=(0.5,) * 3,
            std=(0.5,) * 3,
            image_size_px=32,
        )


def test_too_few_patients_are_refused():
    with pytest.raises(PrivacyError, match="at least 10 patients"):
        masses(make_cohort(9, 2))
