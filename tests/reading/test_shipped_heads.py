import hashlib
import json
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import compute_features, feature_space_id
from mammo_core.errors import BudgetExceededError, CheckpointError, CohortError, InvalidRequestError
from mammo_core.privacy.accounting.gaussian import spent_epsilon
from mammo_core.privacy.statements.training_data import SyntheticOrigin
from mammo_core.reading.make_heads import make_heads
from mammo_core.reading.shipped_heads import FORMAT, SHIPPED_HEADS, load_heads, save_heads
from mammo_core.storage.hashing import image_hash
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir
from tests.helpers.heads import NUM_DRAWN, make_small_heads, small_bench, small_heads
from tests.helpers.made_ledgers import FreeLedger


@pytest.fixture
def saved(tmp_path):
    """A whole file of heads with its card, and its path."""
    path = tmp_path / "heads"
    return save_heads(small_heads(), path), path


def rewrite_card(path, **changes):
    file = path.with_suffix(".json")
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def rewrite_file(path, content):
    path.with_suffix(".safetensors").write_bytes(content)
    rewrite_card(path, sha256=hashlib.sha256(content).hexdigest())


def test_heads_survive_their_files(saved):
    card, path = saved
    made = small_heads()

    read = load_heads(path)

    assert read.card == card
    assert torch.equal(read.models.heads.weights, made.models.heads.weights)
    assert torch.equal(read.synthetic_features, made.synthetic_features)
    for before, after in zip(made.models.models, read.models.models, strict=True):
        assert (after.target_epsilon, after.threshold) == (before.target_epsilon, before.threshold)
        np.testing.assert_allclose(
            after.test_scores["elsewhere"].malignant,
            before.test_scores["elsewhere"].malignant,
            atol=1e-7,
        )


def test_noise_makes_heads_differ_and_without_dp_there_is_one():
    weights, heads = small_heads().models.heads.weights, small_heads().card.heads

    assert [head.target_epsilon for head in heads] == [2, 2, 2, math.inf]
    assert len({image_hash(row.numpy()) for row in weights}) == 4


def test_every_head_is_charged_before_it_is_trained():
    ledger = FreeLedger()

    make_small_heads(small_bench(), ledger, repeats=2)

    measures, *heads = ledger.releases
    assert measures.kind == "measures" and not measures.spending.is_private
    assert [charge.kind for charge in heads] == ["run"] * 3
    assert {charge.noise for charge in heads} == {"secret"}

    class Full(FreeLedger):
        def record(self, cohort, releases):
            raise BudgetExceededError("no room")

    with pytest.raises(BudgetExceededError):
        make_small_heads(small_bench(), Full())


def test_card_adds_up_the_private_heads_and_says_the_whole_guarantees_nothing():
    card = small_heads().card
    mu = math.hypot(*(100**0.5 / head.noise_multiplier for head in card.heads[:3]))

    assert card.composed_private_epsilon == pytest.approx(spent_epsilon(mu, 1e-4))
    assert card.composed_private_epsilon > 2
    assert "guarantees nothing to its patients" in card.together
    assert "no ε covers" in card.without_noise
    assert card.notice == "Research use only, not for diagnosis."
    assert card.statements["2"]["facts"]["noise"] == "secret"
    assert card.feature_space == feature_space_id(card.backbone)


def test_private_heads_alone_are_not_said_to_guarantee_nothing():
    card = make_small_heads(small_bench(), FreeLedger(), epsilons=(2.0,), repeats=1).card

    assert "guarantees nothing to its patients" not in card.together
    assert card.composed_private_epsilon == pytest.approx(2, rel=1e-4)


def test_heads_of_simulated_masses_need_no_generators_guarantee():
    simulated, trained = (
        SyntheticOrigin(generator="some", saw_patients=saw) for saw in (False, True)
    )

    without, named = (
        make_small_heads(replace(small_bench(), origin=origin), FreeLedger()).card.together
        for origin in (simulated, trained)
    )

    assert (
        "releases from the same patients" in without and "releases from the same patients" in named
    )
    assert "some, which has no guarantee" in named
    assert "no guarantee" not in without and "training steps only" not in without


def test_threshold_clears_nine_in_ten_benign_validation_masses():
    dataset, heads = small_bench(), small_heads()
    scores = heads.models.heads.scores(dataset.validation.features)
    benign = dataset.validation.cohort.labels == 0

    for row, model in zip(scores, heads.models.models, strict=True):
        assert np.mean(row[benign] > model.threshold * (1 + 1e-3)) <= 0.1
        assert np.any(np.isclose(row, model.threshold, rtol=1e-3))


def test_heads_need_validation_masses_and_a_budget():
    dataset, asked = small_bench(), {"ledger": FreeLedger(), "licence": "", "command": ""}
    asked |= {"generator": "cascade", "delta": 1e-4}

    with pytest.raises(CohortError, match="Add SITE/val"):
        make_heads(replace(dataset, validation=None), [1.0], 1, **asked)
    with pytest.raises(InvalidRequestError, match="Expected an ε or more"):
        make_heads(dataset, [], 1, **asked)


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_missing_file_is_named(saved, ending):
    _, path = saved
    path.with_suffix(ending).unlink()

    with pytest.raises(CheckpointError, match=f"heads{ending}; found none"):
        load_heads(path)


def test_changed_or_truncated_file_is_refused_by_its_hash(saved):
    _, path = saved
    file = path.with_suffix(".safetensors")
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(CheckpointError, match="changed or damaged"):
        load_heads(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"weights": 1}), "a pickle, which may run code"),
        (save({"weights": torch.ones(1)}, {"format": "other"}), "format 'other'"),
        (save({"weights": torch.ones(1)}, {"format": FORMAT}), "do not belong together"),
    ],
)
def test_file_of_another_kind_is_refused_even_if_its_hash_is_right(saved, content, message):
    _, path = saved
    rewrite_file(path, content)

    with pytest.raises(CheckpointError, match=message):
        load_heads(path)


@pytest.mark.parametrize("name", ["mean", "matrix", "weights", "quantiles", "drawn_features"])
def test_tensor_of_another_shape_is_refused(saved, name):
    _, path = saved
    tensors = load(path.with_suffix(".safetensors").read_bytes())
    tensors[name] = tensors[name][:-1].clone()
    rewrite_file(path, save(tensors, {"format": FORMAT}))

    with pytest.raises(CheckpointError, match="do not belong together"):
        load_heads(path)


@pytest.mark.parametrize("text", ["", "[]", '{"heads": 1}', '{"recipe": {"steps": -1}}'])
def test_card_that_is_none_is_refused(saved, text):
    _, path = saved
    path.with_suffix(".json").write_text(text)

    with pytest.raises(CheckpointError, match="Expected a card of heads"):
        load_heads(path)


def test_shipped_heads_load_and_are_what_the_readme_of_the_models_says():
    shipped = load_heads(models_dir() / SHIPPED_HEADS)
    budgets = [head.target_epsilon for head in shipped.card.heads]

    assert {budget: budgets.count(budget) for budget in budgets} == {
        1: 10,
        2: 10,
        6: 10,
        12: 10,
        60: 10,
        math.inf: 1,
    }
    assert all(head.epsilon <= head.target_epsilon for head in shipped.card.heads)
    assert "CC BY 3.0" in shipped.card.licence
    assert "Lee et al. 2017" in shipped.card.licence
    assert list(shipped.card.test_masses) == ["cbis-ddsm", "bcdr"]
    assert shipped.card.feature_space == feature_space_id(shipped.card.backbone)
    readme = (models_dir() / "README.md").read_text(encoding="utf-8")
    assert f"ε = {shipped.card.composed_private_epsilon:.0f}" in readme
    assert len(shipped.synthetic_features) == shipped.card.drawn.count > NUM_DRAWN


def test_shipped_synthetic_masses_are_those_of_the_generator_that_is_installed():
    drawn = load_heads(models_dir() / SHIPPED_HEADS).card.drawn

    assert load_card(models_dir() / drawn.generator).sha256 == drawn.sha256


def test_shipped_heads_score_real_masses_as_their_card_says(real_data):
    """A few masses of the second site lie within the quantiles that the card gives for that site."""
    shipped = load_heads(models_dir() / SHIPPED_HEADS)
    backbone = shipped.card.backbone
    for flag, label in (("true", 0), ("false", 1)):
        files = sorted(real_data.glob(f"dataset*/bcdr/test/is_benign_{flag}/*.png"))[::100]
        images = np.stack([np.asarray(Image.open(file)) for file in files])
        features = compute_features(images.copy(), load_backbone(backbone), backbone)

        scores = shipped.models.heads.scores(torch.from_numpy(features))  # (R, N)

        for row, model in zip(scores, shipped.models.models, strict=True):
            tested = model.test_scores["bcdr"]
            quantiles = tested.malignant if label else tested.benign
            assert quantiles[0] - 2e-3 <= row.min() <= row.max() <= quantiles[-1] + 2e-3
