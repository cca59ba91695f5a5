import numpy as np
import pandas as pd
import pytest

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import SHIPPED_FEATURES, FeatureStore, compute_features
from mammo_core.classifiers.textures import texture_images
from mammo_core.cohorts import demo
from mammo_core.cohorts.demo import demo_cohort, demo_synthetic
from mammo_core.errors import CohortError
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.sampling import sample_masses
from mammo_core.system.paths import models_dir
from pages.ui.state.resources import DEMO_BACKBONE
from tests.helpers.small_demo import make_small_demo


def test_demo_has_what_training_needs():
    cohort = demo_cohort()

    assert cohort.training_site() == "demo"
    assert cohort.sites_with("test") == ["demo", "demo-external"]
    assert cohort.select(split="val").num_patients == 30
    assert len(demo.demo_training_patients()) == len(cohort.select(site="demo", split="train"))
    assert demo.demo_synthetic_count() == len(demo_synthetic()) == 160
    demo_synthetic().require_both_classes("the demo")


def test_a_demo_patient_has_one_to_three_masses_of_one_class_that_look_alike():
    cohort = demo_cohort().select(site="demo", split="train")

    within, between = [], []
    for patient in np.unique(cohort.patient_ids):
        own = cohort.where(cohort.patient_ids == patient)
        others = cohort.where(cohort.patient_ids != patient)
        assert 1 <= len(own) <= 3
        assert len(set(own.labels)) == 1
        if len(own) > 1:
            within.append(distance(own.images[0], own.images[1]))
            between.append(np.median([distance(own.images[0], image) for image in others.images]))
    assert np.mean(within) < np.mean(between)


def test_the_second_site_has_less_contrast_and_more_grain():
    cohort = demo_cohort()
    ours = cohort.select(site="demo").images.astype(float)
    theirs = cohort.select(site=demo.EXTERNAL).images.astype(float)

    def grain(images):
        return np.abs(np.diff(images, axis=2)).mean()

    assert grain(theirs) > grain(ours)


def test_synthetic_masses_of_the_demo_are_none_of_its_real_ones():
    real = {image.tobytes() for image in demo_cohort().images}

    assert not real & {image.tobytes() for image in demo_synthetic().images}


def test_masses_are_those_that_the_named_generator_draws():
    shipped = demo_synthetic()
    seeds = [int(name.removeprefix("seed")) for name in shipped.patient_ids[:4]]
    generator, _ = load_generator(models_dir() / demo.DEMO_GENERATOR)

    drawn = sample_masses(generator, shipped.labels[:4].tolist(), seeds).numpy()

    assert (
        np.abs(drawn.astype(float) - shipped.images[:4]).max() <= 2
    )  # processors round differently


def test_features_ship_and_are_those_of_the_masses():
    masses = np.concatenate([demo_cohort().images, demo_synthetic().images, texture_images()])
    store = FeatureStore(SHIPPED_FEATURES)

    assert store.count_missing(masses, DEMO_BACKBONE) == 0
    computed = compute_features(masses[:3], load_backbone(DEMO_BACKBONE), DEMO_BACKBONE)
    assert np.allclose(computed, store.features(masses[:3], DEMO_BACKBONE), atol=0.02)


def test_missing_or_mixed_up_files_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "DEMO_FOLDER", make_small_demo(tmp_path / "small"))
    assert demo_cohort().num_patients == 48
    rows = pd.read_csv(tmp_path / "small/masses.csv")
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr(demo, "DEMO_FOLDER", other)
    with pytest.raises(CohortError, match=r"list of masses in .*masses\.csv"):
        demo_cohort()
    rows.head(20).to_csv(other / "masses.csv", index=False)
    with pytest.raises(CohortError, match=r"masses in .*masses\.png"):
        demo_cohort()
    (tmp_path / "small/masses.png").rename(other / "masses.png")
    with pytest.raises(CohortError, match="got 20 lines"):
        demo_cohort()


def distance(left, right):
    return np.abs(left.astype(float) - right.astype(float)).mean()
