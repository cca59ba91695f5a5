import json
import math
from dataclasses import replace

import pytest

from mammo_core.config.from_dict import from_dict
from mammo_core.config.network_recipe import TRAINED_PARTS, NetworkRecipe
from mammo_core.config.runs import (
    HEAD_ON_FEATURES,
    BackboneConfig,
    HeadRecipe,
    PrivacyConfig,
    RunConfig,
    short_hash,
    to_dict,
)


def run(recipe, epsilon=6.0, **values):
    privacy = PrivacyConfig(target_epsilon=epsilon, noise="reproducible")
    return RunConfig(strategy="real", privacy=privacy, recipe=recipe, **values)


@pytest.mark.parametrize(
    "config",
    [
        run(HeadRecipe()),
        run(HeadRecipe(projection_dims=None), math.inf),
        run(NetworkRecipe()),
        run(NetworkRecipe(trained_stages=1, ema_decay=0.9, sample_rate=0.1), math.inf),
        run(NetworkRecipe(trained_part="head", head="mlp", outputs=2, preset="dbr1")),
    ],
)
def test_run_survives_json(config):
    written = json.dumps(to_dict(config), allow_nan=False)

    assert from_dict(RunConfig, json.loads(written)) == config


@pytest.mark.parametrize("part", TRAINED_PARTS)
def test_run_tells_what_is_trained(part):
    assert run(NetworkRecipe(trained_part=part)).trained_part == part
    assert run(HeadRecipe()).trained_part == HEAD_ON_FEATURES


def test_runs_that_differ_in_the_recipe_draw_other_noise():
    seeds = {
        run(recipe).noise_seed
        for recipe in (HeadRecipe(), NetworkRecipe(), NetworkRecipe(sample_rate=0.5))
    }

    assert len(seeds) == 3


def test_identity_of_a_head_run_stays_what_it_was():
    """Shipped results, stored runs and reproducible noise are found by it."""
    now = run(HeadRecipe())
    before_grid = replace(now, privacy=replace(now.privacy, arithmetic="float"))

    assert short_hash(to_dict(now)) == "e92a54138646c520"
    assert short_hash(to_dict(before_grid)) == "8c3741d54b5176ee"


@pytest.mark.pitfall("Gaps in floating-point noise")
def test_run_recorded_before_noise_was_rounded_is_another_one_than_today():
    values = to_dict(run(HeadRecipe()))
    assert values["privacy"].pop("arithmetic") == "grid"

    old = from_dict(RunConfig, values)

    assert old.privacy.arithmetic == "float"
    assert to_dict(old) == values
    assert old.noise_seed != run(HeadRecipe()).noise_seed


def test_recipe_with_an_unknown_setting_is_refused():
    values = to_dict(run(NetworkRecipe()))
    values["recipe"]["warmup"] = 3

    with pytest.raises(TypeError, match="warmup"):
        from_dict(RunConfig, values)


def test_backbone_setting_added_later_is_recorded_only_where_it_is_used():
    half = run(HeadRecipe(), backbone=BackboneConfig(normalisation="half"))

    assert to_dict(half)["backbone"]["normalisation"] == "half"
    assert from_dict(RunConfig, to_dict(half)) == half
    assert "normalisation" not in to_dict(run(HeadRecipe()))["backbone"]
