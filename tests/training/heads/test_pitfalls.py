"""Known ways to claim more than a run or a generator keeps that no other test covers, see `privacy.pitfalls`."""

import dataclasses

import pytest
from mlflow import MlflowClient

from mammo_core.cohorts.cohort import join
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PrivacyConfig
from mammo_core.generators import training
from mammo_core.ledger.ledger import open_ledger
from mammo_core.ledger.records import EXPERIMENT
from mammo_core.privacy.accounting import calibration
from mammo_core.privacy.accounting.composition import composed_epsilon
from tests.classifiers.test_features import TINY as TINY_BACKBONE
from tests.conftest import make_cohort
from tests.generators.test_training import CONFIG, TrainingPlan, train_generator
from tests.helpers.ledgers import charge, cohort
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.mark.pitfall("Reporting the target instead of what was spent")
def test_spent_epsilon_is_computed_from_the_noise_that_was_added(dataset, monkeypatch):
    """Not copied from what was asked for: with more noise than needed less is spent, with less more."""
    calibrate = calibration.calibrate_gaussian
    spent = {}
    for factor in (0.5, 1.0, 2.0):
        monkeypatch.setattr(
            calibration,
            "calibrate_gaussian",
            lambda *args, factor=factor: factor * calibrate(*args),
        )
        (result,) = run_many(dataset, [make_config(dataset, "real", 6.0)])
        spent[factor] = result.epsilon

    assert spent[0.5] > 12 > 6 >= spent[1.0] > 5.999 > 3 > spent[2.0]


@pytest.mark.pitfall("Counting only the iterates that are kept")
def test_all_steps_are_counted_not_only_the_averaged_ones(dataset):
    """By Opacus, from the noise and the steps of the recipe."""
    (result,) = run_many(dataset, [make_config(dataset, "real", 6.0)])

    history = [(result.noise_multiplier, 1.0, result.config.recipe.steps)]
    assert result.epsilon == pytest.approx(composed_epsilon(history, 1e-4), rel=0.02)
    assert result.mu == pytest.approx(result.config.recipe.steps**0.5 / result.noise_multiplier)


@pytest.mark.pitfall("Statistics of private data before training")
def test_training_starts_where_no_patient_can_be_seen(dataset):
    """At zero, or at what synthetic masses taught."""
    train = dataclasses.replace(dataset.train, labels=1 - dataset.train.labels)
    flipped = dataclasses.replace(dataset, train=train, _prepared={})
    for strategy in ("real", "real+synthetic", "pretrain"):
        ours, theirs = (part.prepare(strategy, RECIPES[strategy]) for part in (dataset, flipped))

        assert (ours.initial_weights == theirs.initial_weights).all()
        assert (ours.labels != theirs.labels).all()


@pytest.mark.pitfall("Early stopping and keeping the best step")
def test_private_generator_is_the_last_one_whatever_its_quality(tmp_path, monkeypatch):
    """Keeping the best by real masses would be a choice that no ε covers."""
    distances = iter([0.1, 0.2, 0.3] * 2)
    monkeypatch.setattr(training._Judge, "distance", lambda self, generator: next(distances))
    real = join([make_cohort(20), make_cohort(8, split="val", seed=1)])
    plan = TrainingPlan(
        images=24, eval_every=8, out=tmp_path / "g", command="gan train", licence="CC BY 3.0"
    )
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)
    private = dataclasses.replace(plan, privacy=privacy)

    chosen, last = (
        train_generator(real, CONFIG, each, tmp_path / str(index), TINY_BACKBONE)
        for index, each in enumerate((plan, private))
    )

    assert (chosen.images_seen, last.images_seen) == (8, 24)


@pytest.mark.pitfall("Several releases, each with an ε of its own")
def test_ledger_entries_deleted_one_by_one_still_count(tmp_path):
    ledger = open_ledger(tmp_path)
    for _ in range(2):
        ledger.on_behalf_of("train").record(cohort(), [charge(4.0)])
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    for run in client.search_runs([experiment]):
        client.delete_run(run.info.run_id)

    assert len(open_ledger(tmp_path).book().entries) == 2
