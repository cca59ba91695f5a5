"""The nearest real masses of one synthetic mass: copies are found in any turn, unseen masses are not flagged."""

from dataclasses import replace

import numpy as np
import pytest

from mammo_core.classifiers.features import FeatureStore
from mammo_core.cohorts.cohort import join
from mammo_core.errors import CohortError
from mammo_core.generators.nearest_real import missing_for_search, open_neighbourhood
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir
from mammo_core.system.secret_key import hash_patients
from tests.classifiers.test_features import TINY
from tests.conftest import make_cohort
from tests.helpers.made_ledgers import FreeLedger

EIGHT = replace(TINY, views=8)


@pytest.fixture(scope="module")
def real():
    parts = [
        make_cohort(count, split=split, seed=seed)
        for seed, (split, count) in enumerate((("train", 30), ("val", 8), ("test", 40)))
    ]
    return join([*parts, make_cohort(6, site="elsewhere", split="test", seed=7)])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return FeatureStore(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def neighbourhood(real, store):
    for split in ("train", "test"):
        store.features(real.select(site="site", split=split).images, EIGHT)
    return open_neighbourhood(real, EIGHT, store, ledger=FreeLedger())


def test_missing_features_are_counted_and_asked_for(real, tmp_path):
    empty = FeatureStore(tmp_path)

    assert missing_for_search(real, EIGHT, empty) == 60 + 80  # train and test of the training site
    with pytest.raises(CohortError, match="140 have none.*mammo_core features"):
        open_neighbourhood(real, EIGHT, empty, ledger=FreeLedger())


def test_one_of_several_training_sites_is_searched_when_it_is_named(real, tmp_path):
    several = join([real, make_cohort(5, site="elsewhere", seed=8)])
    empty = FeatureStore(tmp_path)

    assert missing_for_search(several, EIGHT, empty, site="site") == 60 + 80
    assert missing_for_search(several, EIGHT, empty, site="elsewhere") == 10 + 12
    with pytest.raises(CohortError, match="exactly one site with a train split; found 2"):
        missing_for_search(several, EIGHT, empty)


def test_validation_masses_are_searched_once_they_have_features(real, store, neighbourhood):
    assert len(neighbourhood.heldout) == 80

    store.features(real.select(site="site", split="val").images, EIGHT)

    assert len(open_neighbourhood(real, EIGHT, store, ledger=FreeLedger()).heldout) == 96


def test_turned_copy_is_flagged_and_its_source_shown_the_same_way(neighbourhood):
    original = neighbourhood.train.images[11]
    copy = np.rot90(original[:, ::-1], 1).copy()

    found = neighbourhood.search(copy)

    assert found.is_flagged
    np.testing.assert_array_equal(found.train[0].image, copy)
    assert found.train[0].label == neighbourhood.train.labels[11]
    assert found.train[0].is_turned
    assert found.train[0].distance < 0.01 * found.heldout[0].distance


def test_neighbours_come_nearest_first_and_unseen_masses_are_seldom_flagged(neighbourhood):
    fresh = make_cohort(40, 1, seed=33).images

    found = [neighbourhood.search(image, count=3) for image in fresh]

    for one in found:
        distances = [neighbour.distance for neighbour in one.train]
        assert len(distances) == 3 and distances == sorted(distances)
        assert one.ratio == pytest.approx(distances[0] / one.heldout[0].distance, rel=1e-3)
    assert sum(one.is_flagged for one in found) <= 3


def test_nearness_tells_of_copying_only_for_the_generators_own_patients(neighbourhood):
    card = load_card(models_dir() / "cascade")
    train, heldout = (
        hash_patients(part.patient_ids.tolist())
        for part in (neighbourhood.train, neighbourhood.heldout)
    )

    assert neighbourhood.trained(replace(card, patients=train | {"another"}))
    assert not neighbourhood.trained(card)
    assert not neighbourhood.trained(replace(card, patients=train - {min(train)}))
    assert not neighbourhood.trained(replace(card, patients=train | {min(heldout)}))


def test_cohort_without_heldout_masses_is_refused(real, store):
    with pytest.raises(CohortError, match="held-out masses at site"):
        missing_for_search(real.select(split="train"), EIGHT, store)
