"""What the generators in models/ promise: whole files, honest cards, no patient but those of the train split."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import mammo_core
from mammo_core.cohorts.folders import read_real
from mammo_core.cohorts.origins import origin_of_card, saw_these_only, training_data
from mammo_core.synthesis.cards import load_card
from mammo_core.synthesis.checkpoints import load_generator, save_generator
from mammo_core.synthesis.latent.directions import (
    directions_file,
    load_directions,
    measured_changes,
)
from mammo_core.synthesis.sampling import build_generator, sample_masses
from mammo_core.system.paths import DEFAULT_GENERATOR, models_dir
from mammo_core.system.secret_key import hash_patients
from tests.docs.documents import DOCS
from tests.helpers.dictionaries import found_in
from tools import simulated_generator

NAMES = sorted(path.stem for path in models_dir().glob("*.json"))
TRAINED = [name for name in NAMES if load_card(models_dir() / name).saw_patients]
WITH_DIRECTIONS = [
    name for name in NAMES if load_card(models_dir() / name).config.architecture != "simulator"
]
PRIVATE = [name for name in NAMES if load_card(models_dir() / name).guarantee]


def test_the_default_and_one_private_generator_are_shipped():
    assert DEFAULT_GENERATOR in NAMES
    assert len(PRIVATE) == 1  # two from the same patients would spend the budget twice


@pytest.mark.parametrize("name", NAMES)
def test_generator_loads_and_draws_different_masses_of_both_classes(name):
    generator, _ = load_generator(models_dir() / name)

    masses = sample_masses(generator, [0, 1, 0, 1], [0, 0, 1, 1]).float()

    assert masses.shape == (4, 128, 128)
    assert all(mass.std() > 2 for mass in masses)
    assert torch.cdist(masses.flatten(1), masses.flatten(1)).fill_diagonal_(1e9).min() > 100


@pytest.mark.parametrize("name", NAMES)
def test_file_is_small_and_its_card_complete(name):
    card = load_card(models_dir() / name)

    assert (models_dir() / name).with_suffix(".safetensors").stat().st_size < 12e6
    assert card.class_order == ("benign", "malignant")
    assert not re.search(r"/tmp|/work|/home", card.command + card.notes)
    assert len(card.notes) > 100
    metrics = card.metrics
    assert {"comparisons", "class_auroc", "transfer_auroc", "radiomics", "copies"} <= set(metrics)
    assert metrics["num_synthetic"] >= 1000


@pytest.mark.parametrize("name", TRAINED)
def test_card_says_whom_the_generator_learned_from(name):
    card = load_card(models_dir() / name)

    assert "CC BY 3.0" in card.licence
    assert "10.1038/sdata.2017.177" in card.licence
    assert card.public_data == "cbis-ddsm"
    assert card.command.startswith("python -m mammo_core gan train ")


def test_the_simulator_is_what_its_command_writes_and_learned_from_nobody(tmp_path):
    card, fresh = load_card(models_dir() / "simulated"), simulated_generator.CARD

    written = save_generator(build_generator(fresh.config), fresh, tmp_path / "again")

    assert written.sha256 == card.sha256
    assert card.command == "python -m tools.simulated_generator"
    assert not card.saw_patients
    assert not card.possible_patients


@pytest.mark.parametrize("name", PRIVATE)
def test_private_generator_states_a_budget_of_ten_at_most_for_patients(name):
    guarantee = load_card(models_dir() / name).guarantee

    assert guarantee.epsilon <= 10
    assert guarantee.unit == "patient"
    assert guarantee.delta * guarantee.num_units < 0.1


def test_no_more_near_copies_than_unseen_real_masses_show():
    copies = load_card(models_dir() / DEFAULT_GENERATOR).metrics["copies"]

    assert copies["flagged_rate"] <= copies["expected_rate"]


@pytest.mark.pitfall("A list of those who took part")
def test_no_list_of_ids_finds_a_patient_in_what_ships():
    ids = [f"cbis-ddsm__P_{number:05}" for number in range(3000)]
    shipped = [*models_dir().rglob("*.json"), *Path(mammo_core.__file__).parent.rglob("*.json")]

    assert len(shipped) > 5
    for path in shipped:
        assert not found_in(path.read_bytes(), ids), path


@pytest.mark.parametrize("name", TRAINED)
def test_patients_of_cbis_ddsm_count_as_those_of_a_generator_that_says_so(name):
    same, other = ([f"{site}__P_00009", "x"] for site in ("cbis-ddsm", "bcdr"))
    origin = origin_of_card(name, load_card(models_dir() / name))

    assert origin.patients & training_data(np.array(same), 1, origin).patients
    assert not origin.patients & training_data(np.array(other), 1, origin).patients


@pytest.mark.real_data
@pytest.mark.parametrize("name", TRAINED)
def test_patients_seen_are_those_of_the_train_split(name, real_data):
    cohort = read_real(real_data / "dataset16062024").cohort.select(site="cbis-ddsm")

    card = load_card(models_dir() / name)
    train, *heldout = (cohort.select(split=split) for split in ("train", "val", "test"))

    assert saw_these_only(card, train, heldout)
    assert not saw_these_only(card, heldout[0], [train])
    assert card.possible_patients >= hash_patients(cohort.patient_ids.tolist())


@pytest.mark.parametrize("name", WITH_DIRECTIONS)
def test_directions_come_with_the_generator_and_change_what_they_are_named_by(name):
    generator, card = load_generator(models_dir() / name)

    shipped = load_directions(directions_file(models_dir() / name), card.sha256)

    assert shipped, f"Write them: python -m tools.generator_directions {name}"
    assert shipped.vectors.shape == (7, card.config.latent_dim)
    torch.testing.assert_close(shipped.vectors.norm(dim=1), torch.ones(7), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        measured_changes(generator, shipped.vectors[1:2]), shipped.changes[1:2], atol=0.1, rtol=0
    )


def test_document_shows_the_measures_of_the_cards():
    document = (DOCS / "reference" / "generators.md").read_text(encoding="utf-8")
    for name in NAMES:
        metrics = load_card(models_dir() / name).metrics
        for row in metrics["comparisons"]:
            if row["subject"] == "synthetic" and row["masses"] == "all":
                kid, around = row["kid"], row["around"]
                shown = (
                    f"| {kid['value']:.3f} ± {kid['spread']:.3f} | {around['precision']:.2f} "
                    f"| {around['recall']:.2f} | {around['density']:.2f} | {around['coverage']:.2f} |"
                )
                assert shown.replace(" 0.", " .") in document
        for site, auroc in metrics["transfer_auroc"].items():
            assert f"{auroc:.3f}"[1:] in document, site
