"""Runs of tiny networks: what they promise, that they go on after a kill, and what they refuse."""

import math
from contextlib import suppress
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from mammo_core.config.runs import STRATEGIES, HeadRecipe
from mammo_core.errors import (
    BudgetExceededError,
    CheckpointError,
    CohortError,
    InvalidRequestError,
    PrivacyError,
)
from mammo_core.ledger.book import Budget
from mammo_core.ledger.ledger import open_ledger
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost, total_epsilon
from mammo_core.privacy.networks.step_gradients import ClippedGradients
from mammo_core.privacy.statements.words import caveats
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.export import export_runs
from mammo_core.results.exchange.load import import_runs
from mammo_core.results.recording import RunRecorder
from mammo_core.training.dataset import TestedMasses
from mammo_core.training.networks import loop
from mammo_core.training.networks.checkpoints import NetworkCheckpoints
from mammo_core.training.networks.loop import TrainingStopped
from mammo_core.training.networks.plan import prepare_network
from mammo_core.training.networks.runs import run_network
from tests.conftest import make_cohort
from tests.helpers.made_ledgers import FreeLedger
from tests.helpers.networks import small_config, small_data

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def save_often(monkeypatch):
    """Every part is one step, and each is written down."""
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)


def train(config, home, data=None, ledger=None, **options):
    run = prepare_network(data or small_data(), config)
    return run_network(run, ledger=ledger or FreeLedger(), home=home, device=CPU, **options)


def killed_after(step, phase="training"):
    """Ends the program at a step."""

    def watch(progress):
        if (progress.phase, progress.step) == (phase, step):
            raise KeyboardInterrupt

    return watch


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("epsilon", [20.0, math.inf])
def test_every_strategy_trains_spends_at_most_its_budget_and_is_measured(
    strategy, epsilon, tmp_path
):
    config = small_config(strategy, epsilon, pretraining_steps=2, synthetic_weight=0.1, steps=2)

    outcome = train(config, tmp_path)

    assert outcome.epsilon <= epsilon
    assert outcome.epsilon == pytest.approx(epsilon, rel=1e-6)
    assert outcome.statement.num_weights == 257
    assert outcome.scores["site"].shape == outcome.validated[1].shape == (16,)
    auroc = outcome.estimates["site"]["auroc"]
    assert auroc.low <= auroc.value <= auroc.high


@pytest.mark.parametrize("part", ["head", "adapters", "network"])
def test_more_of_the_network_trains_more_weights(part, tmp_path):
    run = prepare_network(small_data(), small_config(trained_part=part))

    trained = sum(p.numel() for p in run.classifier.network.parameters() if p.requires_grad)
    assert run.num_weights == trained
    assert run.statement.trained_part == part


def test_run_without_privacy_learns_what_tells_the_masses_apart(tmp_path):
    config = small_config(
        epsilon=math.inf, trained_part="network", steps=30, learning_rate=3e-3, views=1
    )

    outcome = train(config, tmp_path)

    assert outcome.estimates["site"]["auroc"].value > 0.8


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"ema_decay": 0.5, "sample_rate": 0.3, "epsilon": 1.0},
        {"kept": "best on validation", "trained_part": "network"},
    ],
)
def test_killed_run_goes_on_to_the_very_same_weights_and_is_charged_once(recipe, tmp_path):
    config, ledger = small_config(noise="reproducible", **recipe), FreeLedger()
    whole = train(config, tmp_path / "whole")

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, ledger=ledger, on_progress=killed_after(3))
    steps = []
    outcome = train(
        config, tmp_path, ledger=ledger, on_progress=lambda progress: steps.append(progress.step)
    )

    assert steps == [3, 4]
    assert len(ledger.releases) == 1
    assert outcome.kept_step == whole.kept_step
    assert np.array_equal(outcome.scores["site"], whole.scores["site"])


@pytest.mark.parametrize(("phase", "step"), [("pretraining", 2), ("training", 2)])
def test_killed_run_goes_on_from_pretraining_or_with_what_it_gave(phase, step, tmp_path):
    config = small_config("pretrain", pretraining_steps=3, trained_part="adapters", adapter_rank=2)
    whole = train(config, tmp_path / "whole")

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, on_progress=killed_after(step, phase))
    phases = []
    outcome = train(config, tmp_path, on_progress=lambda progress: phases.append(progress.phase))

    assert ("pretraining" in phases) == (phase == "pretraining")
    assert np.array_equal(outcome.scores["site"], whole.scores["site"])


def test_pretraining_on_synthetic_masses_starts_the_private_training(tmp_path):
    nothing_learned_after = {"learning_rate": 1e-12, "trained_part": "head"}
    config = small_config(
        "pretrain", pretraining_steps=1, pretraining_part="network", **nothing_learned_after
    )
    longer = replace(
        config, recipe=replace(config.recipe, pretraining_steps=20, learning_rate=3e-3)
    )

    short, long = (train(one, tmp_path) for one in (config, longer))

    assert not np.allclose(short.scores["site"], long.scores["site"], atol=1e-3)


def test_stopped_run_keeps_its_checkpoint_and_loses_no_step(tmp_path):
    config, seen = small_config(), []

    with pytest.raises(TrainingStopped):
        train(config, tmp_path, on_progress=seen.append, should_stop=lambda: len(seen) == 2)
    train(config, tmp_path, on_progress=seen.append)

    assert [progress.step for progress in seen] == [1, 2, 3, 4]
    assert [round(progress.epsilon, 1) for progress in seen] == [7.7, 12.3, 16.3, 20.0]


@pytest.mark.parametrize("asked", [1, 2, 3, 5, 8, 13, 21])
@pytest.mark.parametrize("recipe", [{}, {"kept": "best on validation", "sample_rate": 0.5}])
def test_run_stopped_between_any_two_micro_batches_goes_on_to_the_very_same_scores(
    recipe, asked, tmp_path
):
    config, ledger = small_config(trained_part="network", **recipe), FreeLedger()
    whole, times, steps = train(config, tmp_path / "whole", micro_batch=4), count(1), []
    options = {
        "ledger": ledger,
        "micro_batch": 4,
        "on_progress": lambda progress: steps.append(progress.step),
    }

    with suppress(TrainingStopped):
        train(config, tmp_path, should_stop=lambda: next(times) >= asked, **options)
        assert next(times) <= asked  # it was asked no more
    outcome = train(config, tmp_path, **options)

    assert steps == [1, 2, 3, 4]
    assert len(ledger.releases) == 1
    assert np.array_equal(outcome.scores["site"], whole.scores["site"])


def test_stop_is_obeyed_within_the_first_step_and_while_masses_are_scored(tmp_path, monkeypatch):
    config, parts = small_config(), []
    computed = ClippedGradients._add
    monkeypatch.setattr(
        ClippedGradients, "_add", lambda self, part: parts.append(1) or computed(self, part)
    )

    with pytest.raises(TrainingStopped):
        train(config, tmp_path, micro_batch=4, should_stop=lambda: len(parts) == 2)
    assert len(parts) == 2  # of three in the first step

    train(config, tmp_path)
    with pytest.raises(TrainingStopped):  # all steps are done
        train(config, tmp_path, should_stop=lambda: True)


def test_run_that_crashed_before_it_was_recorded_is_only_measured_again(tmp_path):
    config, steps = small_config(), []
    train(config, tmp_path)

    train(config, tmp_path, on_progress=lambda progress: steps.append(progress.step))

    assert steps == []


def test_run_killed_between_its_record_and_the_end_of_its_checkpoint_is_no_second_release(
    private_home, monkeypatch
):
    config, ledger, data = small_config(), FreeLedger(), small_data()
    outcome = train(config, private_home, data, ledger)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(NetworkCheckpoints, "remove", killed)
        RunRecorder(private_home).record(outcome, origin="fine-tune")

    again = train(config, private_home, data, ledger, on_progress=pytest.fail)
    RunRecorder(private_home).record(again, origin="fine-tune")

    assert np.array_equal(again.scores["site"], outcome.scores["site"])
    assert len(ledger.releases) == 1
    assert not list(private_home.glob("networks/*/checkpoint.json"))


def test_run_killed_while_it_is_recorded_is_listed_once_and_trained_once(private_home, monkeypatch):
    config, ledger, data = small_config(), FreeLedger(), small_data()
    outcome = train(config, private_home, data, ledger)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("mammo_core.results.recording.write_artefact", killed)
        RunRecorder(private_home).record(outcome, origin="fine-tune")
    assert len(RunArchive(private_home).rows()) == 0

    again = train(config, private_home, data, ledger, on_progress=pytest.fail)
    RunRecorder(private_home).record(again, origin="fine-tune")

    assert len(RunArchive(private_home).rows()) == 1
    assert len(ledger.releases) == 1


def test_steps_that_a_kill_repeats_draw_new_noise_and_are_spent_once(tmp_path):
    """The steps before were never written down; only their losses, which no ε covers, were shown."""
    config, losses = small_config(), []

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, on_progress=killed_after(3))
    (state,) = tmp_path.glob("networks/*/*.safetensors")
    before = state.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, on_progress=killed_after(3))
    assert state.read_bytes() == before
    outcome = train(config, tmp_path, on_progress=lambda progress: losses.append(progress.step))

    assert losses == [3, 4]
    assert outcome.epsilon == pytest.approx(20.0, abs=0.1)


def killed(*_):
    raise KeyboardInterrupt


def test_damaged_checkpoint_is_refused_before_anything_is_charged_again(tmp_path):
    config, ledger = small_config(), FreeLedger()
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, ledger=ledger, on_progress=killed_after(2))
    (path,) = tmp_path.glob("networks/*/*.safetensors")
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(CheckpointError, match="To begin the run anew"):
        train(config, tmp_path, ledger=ledger)

    assert len(ledger.releases) == 1


def test_recorded_run_is_read_back_told_apart_and_leaves_no_checkpoint(private_home):
    data = small_data()
    outcome = train(small_config(epsilon=1.0, sample_rate=0.5), private_home, data)

    run_id = RunRecorder(private_home).record(outcome, origin="fine-tune")

    archive = RunArchive(private_home)
    stored = archive.load(run_id)
    assert stored.config == outcome.config
    assert stored.mu is None
    assert stored.epsilon == pytest.approx(outcome.epsilon)
    assert stored.statement == outcome.statement
    assert archive.rows()["trained_part"].tolist() == ["head"]
    assert "head" in stored.name
    assert not archive.ids_with_head()
    assert list(private_home.glob("artifacts/**/network.safetensors"))
    assert not list(private_home.glob("networks/*/checkpoint.json"))


def test_sampled_run_is_exported_and_imported_elsewhere_as_it_is(private_home, tmp_path):
    data = small_data()
    outcome = train(small_config(epsilon=1.0, sample_rate=0.5), private_home, data)
    run_id = RunRecorder(private_home).record(outcome, origin="fine-tune")
    (tmp_path / "runs.zip").write_bytes(export_runs(private_home, [run_id]))

    (imported,) = import_runs(tmp_path / "runs.zip", tmp_path / "elsewhere")

    stored = RunArchive(tmp_path / "elsewhere").load(imported.run_id)
    assert (stored.config, stored.statement) == (outcome.config, outcome.statement)
    assert stored.mu is None


@pytest.mark.pitfall("A sampling rate or number of steps other than accounted")
def test_sampled_run_is_charged_with_its_noise_rate_and_steps(tmp_path):
    config, ledger = small_config(epsilon=1.0, sample_rate=0.5, unit="image"), FreeLedger()

    outcome = train(config, tmp_path, ledger=ledger)

    (charge,) = ledger.releases
    steps = (NoisySteps(outcome.noise_multiplier, 0.5, 4),)
    assert charge.spending == PrivacyCost(steps=steps, unit="image", largest_patient=2)
    assert outcome.epsilon == total_epsilon([charge.spending], 1e-3, "image")
    assert charge.title.startswith("real only, head of a network")


def test_run_beyond_the_budget_of_its_patients_trains_nothing(private_home):
    data, ledger = small_data(), open_ledger(private_home)
    ledger.set_budget(data.cohort_identity, Budget(epsilon=5.0, delta=1e-3))

    with pytest.raises(BudgetExceededError):
        train(
            small_config(epsilon=6.0),
            private_home,
            data,
            ledger.on_behalf_of("fine-tune"),
            on_progress=killed_after(1),
        )

    assert not list(private_home.glob("networks/*/checkpoint.json"))


def test_best_step_on_validation_is_kept_only_where_the_paper_would_look(tmp_path):
    config = small_config(epsilon=6.0, kept="best on validation", steps=8)

    run = prepare_network(small_data(), config)
    outcome = train(config, tmp_path)

    assert 1 < run.first_choice <= outcome.kept_step <= 8
    assert any("labels made that choice" in caveat for caveat in caveats(outcome.statement))


@pytest.mark.parametrize(
    ("changes", "data", "error", "match"),
    [
        ({"strategy": "pretrain"}, {}, InvalidRequestError, "pretraining_steps of 1 or more"),
        ({"strategy": "real+synthetic"}, {}, InvalidRequestError, "synthetic_weight above 0"),
        ({"strategy": "synthetic"}, {"synthetic": None}, CohortError, "synthetic masses"),
        ({"kept": "best on validation"}, {"validation": None}, CohortError, "validation masses"),
        ({}, {"train": make_cohort(6)}, PrivacyError, "at least 10 patients"),
    ],
)
def test_run_that_cannot_be_is_refused_before_anything_starts(changes, data, error, match):
    with pytest.raises(error, match=match):
        prepare_network(small_data(**data), small_config(**changes))


def test_delta_too_large_for_the_patients_is_refused():
    config = small_config()
    careless = replace(config, privacy=replace(config.privacy, target_delta=0.2))

    with pytest.raises(PrivacyError, match="Expected δ below 1 / 12"):
        prepare_network(small_data(), careless)


def test_recipe_of_a_head_on_features_is_refused():
    with pytest.raises(InvalidRequestError, match="recipe of a network"):
        prepare_network(small_data(), replace(small_config(), recipe=HeadRecipe()))


def test_run_without_validation_masses_shows_no_auroc(tmp_path):
    seen = []

    outcome = train(
        small_config(steps=1), tmp_path, small_data(validation=None), on_progress=seen.append
    )

    assert seen[0].validation_auroc is outcome.validated is None


def test_test_sets_of_other_sites_are_scored_too(tmp_path):
    data = small_data()
    other = TestedMasses.of(make_cohort(6, site="other", split="test", seed=9))
    data = replace(data, test_sets={**data.test_sets, "other": other})

    outcome = train(small_config(steps=1), tmp_path, data)

    assert outcome.scores["other"].shape == (12,)
