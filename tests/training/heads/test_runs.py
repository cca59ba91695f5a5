import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mammo_core.classifiers.textures import texture_images
from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.config.from_dict import from_dict
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PrivacyConfig, RunConfig, to_dict
from mammo_core.errors import CohortError, InvalidRequestError, MammoError, PrivacyError
from mammo_core.privacy.statements.training_data import SyntheticOrigin
from mammo_core.system.secret_key import hash_patients
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from tests.classifiers.test_features import TINY
from tests.conftest import made_features, make_cohort
from tests.helpers.made_ledgers import run_many


def make_config(dataset, strategy="pretrain", epsilon=6.0, unit="patient", seed=0, **privacy):
    return RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(
            **{"target_epsilon": epsilon, "unit": unit, "noise": "reproducible"} | privacy
        ),
        recipe=RECIPES[strategy],
        backbone=dataset.backbone,
        seed=seed,
    )


@pytest.mark.parametrize("strategy", RECIPES)
@pytest.mark.parametrize("epsilon", [0.05, 6.0, 1000.0, math.inf])
def test_every_strategy_runs_at_every_budget_and_spends_at_most_it(dataset, strategy, epsilon):
    (result,) = run_many(dataset, [make_config(dataset, strategy, epsilon)])

    assert result.epsilon <= epsilon
    assert result.epsilon == pytest.approx(epsilon, rel=1e-5)
    assert set(result.estimates) == {"here", "elsewhere"}
    for estimates in result.estimates.values():
        assert estimates["auroc"].low <= estimates["auroc"].value <= estimates["auroc"].high


def test_more_budget_gives_better_classifiers(dataset):
    budgets = (0.05, 1.0, 1000.0)
    configs = [
        make_config(dataset, "real", epsilon, seed=s) for epsilon in budgets for s in range(8)
    ]

    aurocs = [result.estimates["here"]["auroc"].value for result in run_many(dataset, configs)]

    means = np.reshape(aurocs, (3, 8)).mean(axis=1)
    assert means[0] < means[1] < means[2]
    assert means[2] > 0.8


@pytest.mark.pitfall("Random numbers used twice")
def test_two_budgets_at_one_seed_never_share_their_noise(dataset):
    """Shared noise would cancel: both models together would give the gradient away."""
    configs = [make_config(dataset, "real", epsilon, seed=7) for epsilon in (0.05, 0.06)]

    first, second = (result.weights for result in run_many(dataset, configs))

    correlation = torch.corrcoef(torch.stack([first, second]))[0, 1].item()
    assert abs(correlation) < 0.8, correlation  # 13 numbers, nearly all noise; shared noise gives 1


@pytest.mark.pitfall("Random numbers used twice")
@pytest.mark.parametrize(
    "changed", [{"strategy": "pretrain"}, {"unit": "image"}, {"epsilon": 7.0}, {"seed": 1}]
)
def test_every_configuration_draws_noise_of_its_own(dataset, changed):
    base = make_config(dataset, "real", epsilon=6.0)

    assert make_config(dataset, **({"strategy": "real", "epsilon": 6.0} | changed)).noise_seed != (
        base.noise_seed
    )
    assert make_config(dataset, "real", epsilon=6.0).noise_seed == base.noise_seed


@pytest.mark.pitfall("Seeds that repeat noise")
def test_secret_noise_differs_each_time_and_has_no_seed(dataset):
    config = make_config(dataset, "real", epsilon=6.0, noise="secret")
    first, second = (next(run_many(dataset, [config])).weights for _ in range(2))

    assert config.noise_seed is None
    assert not torch.equal(first, second)


def test_data_with_other_labels_or_patients_are_other_data(dataset):
    train = dataset.train
    relabelled = replace(train, labels=1 - train.labels)
    renamed = replace(train, patient_ids=train.patient_ids[::-1])

    assert len({replace(dataset, train=t).data_hash for t in (train, relabelled, renamed)}) == 3


def test_opacus_and_vectorised_engines_score_alike(dataset):
    configs = [make_config(dataset, epsilon=epsilon) for epsilon in (1.0, 20.0, math.inf)]

    for ours, theirs in zip(
        run_many(dataset, configs), run_many(dataset, configs, backend="opacus"), strict=True
    ):
        torch.testing.assert_close(ours.weights, theirs.weights, rtol=1e-3, atol=1e-3)
        assert ours.epsilon == theirs.epsilon


def test_strategy_real_is_the_same_whatever_the_synthetic_masses(dataset):
    config = make_config(dataset, "real")
    without = replace(dataset, synthetic=None, synthetic_features=None, _prepared={})
    other = replace(dataset, synthetic_features=-3 * dataset.synthetic_features, _prepared={})

    (reference,) = run_many(dataset, [config])
    for changed in (without, other):
        (result,) = run_many(changed, [config])
        assert torch.equal(result.weights, reference.weights)


def test_strategy_synthetic_is_the_same_whatever_the_real_masses(dataset):
    config = make_config(dataset, "synthetic")
    other = replace(dataset, train_features=-3 * dataset.train_features, _prepared={})

    (reference,) = run_many(dataset, [config])
    (result,) = run_many(other, [config])

    assert torch.equal(result.weights, reference.weights)


@pytest.mark.pitfall("Statistics of private data before training")
def test_projection_never_depends_on_real_masses(dataset):
    other = replace(dataset, train_features=-3 * dataset.train_features, _prepared={})
    recipe = RECIPES["pretrain"]

    ours, theirs = dataset.prepare("pretrain", recipe), other.prepare("pretrain", recipe)

    for name in ours.test_vectors:
        assert torch.equal(ours.test_vectors[name], theirs.test_vectors[name])
    assert torch.equal(ours.initial_weights, theirs.initial_weights)


@pytest.mark.pitfall("Statistics of private data before training")
def test_strategy_real_projects_by_textures_and_never_by_masses(dataset):
    others = replace(
        dataset,
        synthetic=None,
        synthetic_features=None,
        train_features=-3 * dataset.train_features,
        _prepared={},
    )
    other_textures = replace(dataset, texture_features=-dataset.texture_features, _prepared={})
    recipe = RECIPES["real"]

    ours, theirs = dataset.prepare("real", recipe), others.prepare("real", recipe)

    for name in ours.test_vectors:
        assert torch.equal(ours.test_vectors[name], theirs.test_vectors[name])
    moved = other_textures.prepare("real", recipe).projection.mean
    assert not torch.equal(ours.projection.mean, moved)


def test_strategy_that_needs_synthetic_masses_says_so(dataset):
    without = replace(dataset, synthetic=None, synthetic_features=None)

    with pytest.raises(
        CohortError, match="strategy pretrain; got none. Give a folder with --synth"
    ):
        next(run_many(without, [make_config(dataset)]))


@pytest.mark.pitfall("δ too large")
def test_delta_too_large_for_the_cohort_is_refused(dataset):
    with pytest.raises(PrivacyError, match="δ below 1 / 60"):
        next(run_many(dataset, [make_config(dataset, target_delta=1 / 50)]))


def test_runs_that_differ_in_more_than_budget_and_seed_train_apart(dataset):
    together = []
    configs = [make_config(dataset, "real"), make_config(dataset, "pretrain")]

    list(run_many(dataset, configs, on_step=lambda step: together.append(len(step.configs))))

    assert together == [1] * 200


def test_plan_without_runs_or_of_another_backbone_is_refused(dataset):
    other = replace(make_config(dataset), backbone=replace(dataset.backbone, views=8))

    for plan, message in (([], "one run or more; got none"), ([other], "on the loaded backbone")):
        with pytest.raises(InvalidRequestError, match=message):
            next(run_many(dataset, plan))


@pytest.mark.parametrize("epsilon", [6.0, math.inf])
def test_configuration_survives_json(dataset, epsilon):
    import json

    config = make_config(dataset, epsilon=epsilon)

    assert from_dict(RunConfig, json.loads(json.dumps(to_dict(config), allow_nan=False))) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"target_epsilon": 0.0}, "between 0.05 and 1000, or inf; got 0"),
        ({"target_epsilon": math.nan}, "between 0.05 and 1000, or inf; got nan"),
        ({"target_epsilon": -math.inf}, "between 0.05 and 1000, or inf; got -inf"),
        ({"target_epsilon": 1.0, "target_delta": 1.0}, "Expected δ of at least 1e-16 and below 1"),
        ({"target_epsilon": 1.0, "unit": "breast"}, "Expected unit to be one of: patient, image"),
    ],
)
def test_impossible_privacy_is_refused(overrides, message):
    with pytest.raises(MammoError, match=message):
        PrivacyConfig(**overrides)


def test_result_states_what_it_promises_from_what_was_spent(dataset):
    (result,) = run_many(dataset, [make_config(dataset, "real", epsilon=6.0, unit="image")])
    said = result.statement

    assert (said.epsilon, said.mu) == (result.epsilon, result.mu)
    assert said.noise_multiplier == result.noise_multiplier
    assert (said.num_units, said.largest_patient) == (result.num_units, 2) == (120, 2)
    assert said.coverage == "end to end"


def test_masses_of_unknown_origin_are_taken_for_the_worst(dataset):
    (result,) = run_many(dataset, [make_config(dataset, "pretrain")])

    assert result.statement.coverage == "training step only, unknown generator"


def test_generator_of_other_patients_is_told_by_their_hashed_ids(dataset):
    origin = SyntheticOrigin(generator="g", patients=hash_patients(["somebody else"]))
    own = SyntheticOrigin(
        generator="g",
        patients=hash_patients(["somebody else", "sitetrain3"]),
    )
    config = make_config(dataset, "pretrain")

    (apart,) = run_many(replace(dataset, origin=origin, _prepared={}), [config])
    (shared,) = run_many(replace(dataset, origin=own, _prepared={}), [config])

    assert apart.statement.coverage == "end to end, in parallel"
    assert shared.statement.coverage == "training step only, generator without DP"


def test_workbench_opens_from_images_and_keeps_parts_apart(tmp_path):
    real = join([make_cohort(), make_cohort(site="b", split="test", seed=1)])
    synthetic = make_cohort(8, 1, source="synthetic", seed=2)
    seen = []

    dataset = load_feature_dataset(
        LoadedData(real, synthetic, []), TINY, tmp_path, on_progress=lambda *a: seen.append(a)
    )

    total = len(real) + len(synthetic) + len(texture_images())
    assert seen[-1] == (total, total)
    assert len(dataset.train_features) == 60
    assert list(dataset.test_sets) == ["b"]
    assert len(dataset.synthetic_features) == 8
    again = load_feature_dataset(LoadedData(real, None, []), TINY, tmp_path)
    assert torch.equal(again.test_sets["b"].features, dataset.test_sets["b"].features)
    assert again.data_hash != dataset.data_hash


def test_workbench_without_a_test_split_says_what_to_add(tmp_path):
    with pytest.raises(CohortError, match="Add SITE/test"):
        load_feature_dataset(LoadedData(make_cohort(), None, []), TINY, tmp_path)


def test_training_split_with_one_class_is_refused(tmp_path):
    train = make_cohort()
    one_class = train.where(train.labels == 0)
    real = join([one_class, make_cohort(split="test", seed=1)])

    with pytest.raises(CohortError, match="the part 'train'; found no malignant one among 30"):
        load_feature_dataset(LoadedData(real, None, []), TINY, tmp_path)


def test_made_features_carry_the_class():
    cohort = make_cohort()
    first = made_features(cohort)[:, 0, 0].float()

    assert first[cohort.labels == 1].mean() > first[cohort.labels == 0].mean() + 1
