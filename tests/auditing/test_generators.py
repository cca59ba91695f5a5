"""Attacks on generators from images on: a copying one is found out, splits that differ are no leak, cards are checked."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import norm

from mammo_core.auditing.generators import (
    CALIBRATED,
    COARSE,
    COARSE_CALIBRATED,
    DISCRIMINATOR,
    NEAREST,
    AttackTarget,
    attack_generators,
    guaranteed_tpr,
    planted_copies,
    write_attacks,
)
from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.sampled import synthetic_cohort
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir
from mammo_core.system.secret_key import hash_patients
from tests.classifiers.test_features import TINY as BACKBONE
from tests.conftest import make_cohort
from tests.helpers.made_ledgers import FreeLedger
from tests.synthesis.conftest import TINY, make_trainer

DRAWN = (NEAREST, CALIBRATED, COARSE, COARSE_CALIBRATED)
GUARANTEE = Guarantee(epsilon=4.0, delta=1e-4, unit="patient", num_units=30, mechanism="noise")


@pytest.fixture
def real():
    splits = (("train", 30), ("val", 20), ("test", 20))
    parts = [make_cohort(n, split=name, seed=seed) for seed, (name, n) in enumerate(splits)]
    return join([*parts, make_cohort(6, site="elsewhere", split="test", seed=9)])


@pytest.fixture
def card(real):
    seen = hash_patients(real.select(split="train").patient_ids.tolist())
    return dataclasses.replace(load_card(models_dir() / "cascade"), patients=seen)


def target(cohort, card=None, **more):
    names = [f"drawn{row}" for row in range(len(cohort))]
    return AttackTarget("g", synthetic_cohort(cohort.images, cohort.labels, names), card, **more)


def attacked(real, some_target, tmp_path, backbone=BACKBONE):
    return list(
        attack_generators(real, [some_target], backbone, tmp_path / "features", ledger=FreeLedger())
    )


def test_copying_generator_is_found_out_and_the_control_stays_at_chance(real, tmp_path):
    attacks = attacked(real, target(real.select(split="train")), tmp_path)

    assert len(attacks) == 4 * 4 * 2  # attacks, comparisons, levels
    for attack in attacks:
        if attack.is_control:
            assert attack.rates.auc.low < 0.5 < attack.rates.auc.high
            assert attack.bound_tpr_at_1pct is None
        else:
            assert attack.rates.auc.value > 0.99
            assert attack.rates.tpr_at_1pct.value > 0.9
    sizes = {
        (a.level, a.members, a.non_members): (a.num_members, a.num_non_members) for a in attacks
    }
    assert sizes["mass", "train", "val"] == (60, 40)
    assert sizes["patient", "train", "val+test"] == (30, 40)
    assert sizes["patient", "val", "test"] == (20, 20)


def test_generator_of_fresh_masses_is_not_accused(real, tmp_path):
    attacks = attacked(real, target(make_cohort(30, seed=77)), tmp_path)

    for attack in attacks:
        if attack.non_members == "val+test":
            assert attack.rates.auc.value == pytest.approx(0.5, abs=0.16)  # of 30 and 40 patients


@pytest.mark.pitfall("A failed attack taken for proof of privacy")
def test_planted_copies_are_found_at_about_their_share(real, tmp_path):
    train = real.select(site="site", split="train")
    planted = planted_copies(target(make_cohort(30, seed=77)), train)

    attacks = attacked(real, planted, tmp_path, dataclasses.replace(BACKBONE, views=8))

    assert len(planted.masses) == 60
    for attack in attacks:
        if attack.level == "mass" and not attack.is_control:
            assert 0.05 <= attack.rates.tpr_at_1pct.value <= 0.3  # 6 of 60 masses, and luck
    with pytest.raises(InvalidRequestError, match="6 synthetic masses or more.*got 4"):
        planted_copies(target(make_cohort(2)), train)


def test_grain_hides_copies_from_the_backbone_but_not_from_the_shape(real, tmp_path):
    train = real.select(site="site", split="train")
    noise = np.random.default_rng(0).normal(0, 40, train.images.shape)
    grainy = dataclasses.replace(train, images=(train.images + noise).clip(0, 255).astype(np.uint8))

    found = {
        attack.attack: attack.rates.auc.value
        for attack in attacked(real, target(grainy), tmp_path)
        if (attack.level, attack.non_members) == ("mass", "val") and not attack.is_control
    }

    assert found[COARSE_CALIBRATED] > 0.95
    assert found[COARSE_CALIBRATED] > found[CALIBRATED]


def test_discriminator_joins_in_where_there_is_a_state(real, card, tmp_path):
    trainer = make_trainer(TINY["mcgan"], real.select(site="site", split="train"))
    trainer.train(8)
    trainer.save(tmp_path / "state.pt")
    own = dataclasses.replace(card, config=TINY["mcgan"])

    attacks = attacked(real, target(make_cohort(10), own, state=tmp_path / "state.pt"), tmp_path)

    assert {attack.attack for attack in attacks} == {*DRAWN, DISCRIMINATOR}


def test_card_that_names_others_than_the_train_split_is_refused(real, card, tmp_path):
    drawn = make_cohort(5)
    missing = dataclasses.replace(card, patients=card.patients - {min(card.patients)})
    held_out = hash_patients(real.select(split="val").patient_ids.tolist()[:1])
    knows = dataclasses.replace(card, patients=card.patients | held_out)
    unknown = dataclasses.replace(card, patients=frozenset())

    attacked(real, target(drawn, card), tmp_path)
    for other in (missing, knows, unknown):
        with pytest.raises(InvalidRequestError, match="Attack it where it was trained"):
            attacked(real, target(drawn, other), tmp_path)


def test_patient_in_two_splits_or_a_missing_split_is_refused(real, tmp_path):
    twice = dataclasses.replace(real, patient_ids=real.patient_ids.copy())
    twice.patient_ids[np.flatnonzero(real.splits == "val")[0]] = real.patient_ids[0]

    with pytest.raises(CohortError, match="every patient in one split; got sitetrain0"):
        attacked(twice, target(make_cohort(5)), tmp_path)
    with pytest.raises(CohortError, match="the val split of site"):
        attacked(real.where(real.splits != "val"), target(make_cohort(5)), tmp_path)


def test_bound_is_exact_for_gaussian_mechanisms_and_by_epsilon_alone_for_others():
    gaussian = dataclasses.replace(GUARANTEE, mu=1.2)

    assert guaranteed_tpr(gaussian, 0.01) == pytest.approx(norm.cdf(norm.ppf(0.01) + 1.2))
    assert guaranteed_tpr(GUARANTEE, 0.01) == pytest.approx(np.exp(4) * 0.01 + 1e-4)
    assert guaranteed_tpr(None, 0.01) is None
    assert guaranteed_tpr(dataclasses.replace(GUARANTEE, unit="image"), 0.01) is None


def test_table_and_provenance_name_everything_but_no_path(real, card, tmp_path):
    private = dataclasses.replace(card, guarantee=GUARANTEE)
    targets = [target(make_cohort(10, seed=4), private)]
    attacks = attacked(real, targets[0], tmp_path)

    write_attacks(
        attacks,
        tmp_path / "a.csv",
        real=real,
        targets=targets,
        backbone=BACKBONE,
        command="gan attack",
    )

    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(attacks)
    for row, attack in zip(rows, attacks, strict=True):
        assert float(row["auc_low"]) <= float(row["auc"]) <= float(row["auc_high"])
        assert float(row["tpr_at_01pct"]) == pytest.approx(
            attack.rates.tpr_at_01pct.value, abs=1e-4
        )
        assert row["bound_tpr_at_1pct"] == ("" if attack.is_control else "0.5461")
    made = json.loads((tmp_path / "a.json").read_text())
    assert made["command"] == "gan attack"
    assert made["splits"]["val"] == {"masses": 40, "patients": 20}
    assert made["generators"]["g"]["patients_checked"]
    assert str(tmp_path) not in (tmp_path / "a.json").read_text()
