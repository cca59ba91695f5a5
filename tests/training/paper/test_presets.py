import dataclasses
import math

import pytest

from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import BackboneConfig, RunConfig, to_dict
from mammo_core.errors import InvalidRequestError
from mammo_core.reference import paper_results
from mammo_core.training.paper.presets import (
    BATCH_SIZE,
    EPOCHS,
    NUM_REAL,
    NUM_SYNTHETIC,
    paper_preset,
    paper_presets,
)

PRESETS = paper_presets()
each_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def test_every_experiment_of_the_results_sheet_has_its_preset():
    assert set(PRESETS) == set(paper_results()["experiment"])
    assert len(PRESETS) == 21


@each_preset
def test_preset_agrees_with_the_results_sheet(preset):
    rows = paper_results()
    rows = rows[rows["experiment"] == preset.name]

    assert {preset.config.privacy.target_epsilon} == set(rows["epsilon"])
    assert set(rows["strategy"]) in ({preset.config.strategy}, {"pretrain_head_reinitialised"})
    is_whole = preset.config.recipe.trained_part == "network"
    assert {"full model" if is_whole else "head"} == set(rows["trained_part"])
    for published in preset.published:
        ours = rows[rows["test_set"] == published.test_set]
        assert published.mean == pytest.approx(ours["auroc"].mean())
        assert dict(published.by_seed) == dict(zip(ours["seed"], ours["auroc"], strict=True))
    assert [published.test_set for published in preset.published] == ["cbis-ddsm", "bcdr"]


@each_preset
def test_preset_trains_as_the_paper_and_survives_json(preset):
    recipe = preset.config.recipe

    assert recipe.sample_rate * recipe.steps == pytest.approx(EPOCHS)
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-5, 1e-8)
    assert (recipe.label_smoothing, recipe.outputs, recipe.max_grad_norm) == (0.1, 2, 1.0)
    assert (recipe.augmentation, recipe.kept, recipe.accountant) == (
        "flips",
        "best on validation",
        "rdp",
    )
    assert preset.config.privacy.target_delta == 1e-4
    assert preset.config.privacy.unit == "image"
    assert recipe.preset == preset.name
    assert from_dict(RunConfig, to_dict(preset.config)) == preset.config


def test_steps_of_an_epoch_are_the_batches_that_the_papers_loader_cuts():
    assert PRESETS["dbr1"].config.recipe.steps == EPOCHS * 9  # 1104 real masses
    assert PRESETS["dbr2"].config.recipe.steps == EPOCHS * 33  # and 3000 synthetic ones
    assert PRESETS["dbr12"].config.recipe.steps == EPOCHS * 24
    assert PRESETS["dbr156"].config.recipe.pretraining_steps == EPOCHS * 24


def test_heads_are_the_papers():
    assert PRESETS["dbr1"].config.recipe.head == "mlp"
    assert PRESETS["dbr15"].config.recipe.head == "linear"
    assert PRESETS["dbr156"].config.recipe.head == "linear"
    assert PRESETS["dbr156"].config.recipe.trained_part == "head"
    assert PRESETS["dbr156"].config.recipe.pretraining_part == "network"


def test_experiment_that_threw_its_pretraining_away_is_the_plain_one_again():
    thrown, plain = PRESETS["dbr5"], PRESETS["dbr1"]

    assert dataclasses.replace(thrown.config.recipe, preset="dbr1") == plain.config.recipe
    assert thrown.config.strategy == "real"
    assert "nothing of the pre-training is left" in thrown.inferred[0]


@each_preset
def test_preset_says_what_differs(preset):
    text = " ".join(preset.differences)

    assert "IMAGENET1K_V1" in text
    assert "Stochastic depth" in text
    assert ("RDP accountant" in text) == preset.config.privacy.is_private
    assert ("Pre-training" in text) == (preset.config.strategy == "pretrain")
    assert len(set(preset.differences)) == len(preset.differences)


def test_preset_is_made_for_other_data_another_seed_and_another_network():
    small = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32)

    run = PRESETS["dbr2"].for_data(100, 50, seed=7, noise="reproducible", backbone=small)

    assert run.recipe.steps == EPOCHS * math.ceil(150 / BATCH_SIZE)
    assert run.recipe.sample_rate == 1 / math.ceil(150 / BATCH_SIZE)
    assert (run.seed, run.backbone, run.privacy.noise) == (7, small, "reproducible")
    assert run.privacy.target_epsilon == 6


@each_preset
def test_preset_on_data_of_the_papers_size_is_its_own_configuration(preset):
    assert preset.for_data(NUM_REAL, NUM_SYNTHETIC) == preset.config


@pytest.mark.parametrize(
    ("name", "sizes", "missing"), [("dbr2", (100, 0), "synthetic"), ("dbr1", (0, 100), "real")]
)
def test_preset_without_the_masses_it_needs_is_refused(name, sizes, missing):
    with pytest.raises(InvalidRequestError, match=f"Expected {missing} masses for the strategy"):
        PRESETS[name].for_data(*sizes)


def test_unknown_experiment_lists_the_known_ones():
    with pytest.raises(InvalidRequestError, match=r"dbr0, dbr1, dbr2, .*dbr160; got 'dbr3'"):
        paper_preset("dbr3")
