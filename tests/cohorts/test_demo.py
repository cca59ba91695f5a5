import numpy as np
import pytest
import torch

from mammo_core.cohorts import demo
from mammo_core.cohorts.demo import demo_cohort, demo_synthetic


@pytest.fixture(autouse=True)
def few_patients(monkeypatch):
    parts = [
        ("demo", "train", 8),
        ("demo", "val", 4),
        ("demo", "test", 4),
        (demo.EXTERNAL, "test", 4),
    ]
    monkeypatch.setattr(demo, "_PARTS", parts)


def test_demo_is_the_same_for_the_same_seed_and_has_what_training_needs():
    first, second = demo_cohort(3), demo_cohort(3)

    assert (first.images == second.images).all()
    assert (first.images[0] != demo_cohort(4).images[0]).any()
    assert first.training_site() == "demo"
    assert first.sites_with("test") == ["demo", "demo-external"]
    assert first.select(split="val").num_patients == 4
    demo_synthetic(6).require_both_classes("the demo")


def test_a_demo_patient_has_one_to_three_masses_of_one_class_that_look_alike():
    cohort = demo_cohort()

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


def test_classes_are_moved_apart_so_that_there_is_something_to_learn():
    generator, direction = demo._generator(), demo._class_direction()
    moved = {}
    for label in (0, 1):
        for sign in (-1, 1):
            latents = torch.randn(
                200, generator.latent_dim, generator=torch.Generator().manual_seed(0)
            )
            looks = generator.coarse_structure(
                latents + sign * direction, torch.full((200,), label)
            )
            moved[label, sign] = looks.mean(dim=0)

    of_class = moved[1, 1] - moved[0, 1]
    for label in (0, 1):
        shift = moved[label, 1] - moved[label, -1]
        assert torch.nn.functional.cosine_similarity(shift, of_class, dim=0) > 0.5


def test_synthetic_masses_of_the_demo_are_none_of_its_real_ones():
    real = {image.tobytes() for image in demo_cohort().images}

    assert not real & {image.tobytes() for image in demo_synthetic(10).images}


def distance(left, right):
    return np.abs(left.astype(float) - right.astype(float)).mean()
