"""What the generators in models/ promise: whole files, honest cards, no patient but those of the train split."""

import re

import pytest
import torch

from mammo_core.cohorts.folders import read_real
from mammo_core.synthesis.cards import load_card
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.sampling import sample_masses
from mammo_core.system.paths import DEFAULT_GENERATOR, models_dir
from mammo_core.system.secret_key import unkeyed_hash
from tests.docs.documents import DOCS

NAMES = sorted(path.stem for path in models_dir().glob("*.json"))
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
    assert "CC BY 3.0" in card.licence
    assert "10.1038/sdata.2017.177" in card.licence
    assert len(card.patients) == 578
    assert card.class_order == ("benign", "malignant")
    assert card.command.startswith("python -m mammo_core gan train ")
    assert not re.search(r"/tmp|/work|/home", card.command + card.notes)
    assert len(card.notes) > 100
    metrics = card.metrics
    assert {"comparisons", "class_auroc", "transfer_auroc", "radiomics", "copies"} <= set(metrics)
    assert metrics["num_synthetic"] >= 1000


@pytest.mark.parametrize("name", PRIVATE)
def test_private_generator_states_a_budget_of_ten_at_most_for_patients(name):
    guarantee = load_card(models_dir() / name).guarantee

    assert guarantee.epsilon <= 10
    assert guarantee.unit == "patient"
    assert guarantee.delta * guarantee.num_units < 0.1


def test_no_more_near_copies_than_unseen_real_masses_show():
    copies = load_card(models_dir() / DEFAULT_GENERATOR).metrics["copies"]

    assert copies["flagged_rate"] <= copies["expected_rate"]


@pytest.mark.real_data
@pytest.mark.parametrize("name", NAMES)
def test_patients_seen_are_those_of_the_train_split(name, real_data):
    cohort = read_real(real_data / "dataset16062024").cohort.select(site="cbis-ddsm")

    seen = set(load_card(models_dir() / name).patients)

    assert seen == {unkeyed_hash(p) for p in cohort.select(split="train").patient_ids}
    for split in ("val", "test"):
        assert not seen & {unkeyed_hash(p) for p in cohort.select(split=split).patient_ids}


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
