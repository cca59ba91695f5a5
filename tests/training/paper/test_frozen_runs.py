import math
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from opacus.accountants.utils import get_noise_multiplier
from sklearn.metrics import average_precision_score

from mammo_core.classifiers.networks.building import build_head
from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.config.runs import BackboneConfig, HeadRecipe
from mammo_core.errors import CohortError, InvalidRequestError, PrivacyError
from mammo_core.ledger.book import Budget
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.accounting.sampled import epsilon_spent
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.export import export_runs
from mammo_core.results.exchange.load import import_runs
from mammo_core.results.recording import RunRecorder
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from mammo_core.training.networks import validation
from mammo_core.training.networks.best_epoch import evaluate_epoch
from mammo_core.training.networks.loop import TrainingStopped
from mammo_core.training.paper.frozen_runs import run_frozen_preset
from mammo_core.training.paper.presets import paper_preset
from tests.conftest import make_cohort
from tests.helpers.made_ledgers import FreeLedger, memory_ledger

TINY = BackboneConfig(
    name="test_efficientnet", weights="random", image_size_px=32, normalisation="half"
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Features of all eight views from a small random network."""
    parts = [
        make_cohort(30, split="train"),
        make_cohort(16, 1, split="val", seed=1),
        make_cohort(12, split="test", seed=2),
    ]
    synthetic = make_cohort(24, 1, site="made", source="synthetic", seed=3)
    loaded = LoadedData(join(parts), synthetic, [])
    return load_feature_dataset(loaded, TINY, tmp_path_factory.mktemp("features"))


def short_run(dataset, name="dbr1", *, steps=16, seed=1, **changes):
    """A preset with few steps, each on a quarter of the masses, and a learning rate that moves in so few."""
    config = paper_preset(name).for_data(60, 24, seed=seed, noise="reproducible", backbone=TINY)
    settings = {"steps": steps, "sample_rate": 0.25, "learning_rate": 1e-2} | changes
    return replace(config, recipe=replace(config.recipe, **settings))


@pytest.fixture(scope="module")
def finished(dataset):
    """A run, its ledger, what was reported of its epochs, and those that could be kept."""
    ledger, reports, epochs = FreeLedger(), [], []

    def noted(*values):
        epochs.append(evaluate_epoch(*values))
        return epochs[-1]

    with mock.patch.object(validation, "evaluate_epoch", noted):
        outcome = run_frozen_preset(
            dataset, short_run(dataset), ledger=ledger, on_progress=reports.append
        )
    return outcome, ledger, reports, epochs


def test_frozen_preset_runs_end_to_end_and_says_what_it_spent(finished):
    outcome, ledger, *_ = finished

    assert set(outcome.estimates) == set(outcome.scores) == {"site"}
    assert outcome.scores["site"].shape == (24,)
    assert 4 < outcome.epsilon < 6  # the tighter accountant's, of noise calibrated by RDP
    assert outcome.mu is None
    assert outcome.num_units == 60
    assert [charge.spending.unit for charge in ledger.releases] == ["image"]
    assert outcome.statement.trained_part == "head"
    assert outcome.statement.kept == "best on validation"


def test_head_is_the_papers(dataset):
    recipe = paper_preset("dbr1").config.recipe
    head = build_head(dataset.train_features.shape[-1], recipe, torch.Generator())

    layers = [layer for layer in head if isinstance(layer, torch.nn.Linear)]
    dims = dataset.train_features.shape[-1]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [
        (dims, dims // 2),
        (dims // 2, 2),
    ]
    assert head[1].negative_slope == 0.2


def test_kept_epoch_ranks_benign_validation_masses_best_of_those_that_spent_enough(
    dataset, finished
):
    outcome, _, reports, eligible = finished

    assert [(report.step, report.steps) for report in reports] == [(n, 16) for n in (4, 8, 12, 16)]
    assert all(0 <= report.validation_auroc <= 1 for report in reports)
    noise, rate = outcome.noise_multiplier, outcome.config.recipe.sample_rate
    spent_enough = [
        report.step
        for report in reports
        if epsilon_spent([(noise, rate, report.step)], 1e-4, "rdp") > 4.5
    ]
    assert [epoch.step for epoch in eligible] == spent_enough
    assert 0 < len(eligible) < len(reports)
    best = max(eligible, key=lambda epoch: (epoch.average_precision, -epoch.loss))
    assert outcome.kept_step == best.step
    labels = dataset.validation.cohort.labels
    assert average_precision_score(1 - labels, -outcome.validated[1]) == pytest.approx(
        best.average_precision
    )


def test_run_is_stopped_after_an_epoch_where_asked(dataset):
    reports = []

    with pytest.raises(TrainingStopped, match="a new release"):
        run_frozen_preset(
            dataset,
            short_run(dataset),
            ledger=FreeLedger(),
            on_progress=reports.append,
            should_stop=lambda: len(reports) == 2,
        )

    assert [report.step for report in reports] == [4, 8]


def test_last_weights_are_kept_where_asked(dataset):
    outcome = run_frozen_preset(dataset, short_run(dataset, kept="last"), ledger=FreeLedger())

    assert outcome.kept_step == 16
    assert outcome.statement.kept == "last"


def test_synthetic_masses_are_mixed_in_as_units(dataset):
    mixed = run_frozen_preset(dataset, short_run(dataset, "dbr2"), ledger=FreeLedger())
    ledger = FreeLedger()
    alone = run_frozen_preset(dataset, short_run(dataset, "dbr12"), ledger=ledger)

    assert mixed.num_units == 84
    assert alone.num_units == 24
    assert ledger.releases == []  # no real patient took part


def test_run_with_synthetic_units_is_exported_and_imported_as_it_is(
    dataset, private_home, tmp_path
):
    run = run_frozen_preset(dataset, short_run(dataset, "dbr2"), ledger=FreeLedger())
    run_id = RunRecorder(private_home).record(run, origin="train")
    (tmp_path / "runs.zip").write_bytes(export_runs(private_home, [run_id]))

    (imported,) = import_runs(tmp_path / "runs.zip", tmp_path / "elsewhere")

    there = RunArchive(tmp_path / "elsewhere").load(imported.run_id)
    assert (there.num_units, there.statement) == (84, run.statement)


def test_preset_without_dp_learns_and_spends_without_bound(dataset):
    config = short_run(dataset, "dbr14", steps=120)

    outcome = run_frozen_preset(dataset, config, ledger=FreeLedger())

    assert outcome.epsilon == math.inf
    assert outcome.noise_multiplier == 0
    assert outcome.estimates["site"]["auroc"].value > 0.7


def test_reproducible_noise_gives_the_same_scores_again_and_another_seed_others(dataset):
    first, again, other = (
        run_frozen_preset(dataset, short_run(dataset, seed=seed), ledger=FreeLedger()).scores[
            "site"
        ]
        for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_run_beyond_the_budget_of_its_patients_is_not_trained(dataset):
    ledger = memory_ledger()
    ledger.set_budget(dataset.cohort_identity, Budget(epsilon=1.0, delta=1e-4))

    with pytest.raises(PrivacyError, match="budget"):
        run_frozen_preset(
            dataset, short_run(dataset), ledger=ledger.on_behalf_of("test"), on_progress=pytest.fail
        )


@pytest.mark.parametrize("epsilon", [1.0, 6.0, 60.0])
def test_noise_is_what_opacus_gives_the_paper(epsilon):
    config = paper_preset("dbr1").config
    config = replace(config, privacy=replace(config.privacy, target_epsilon=epsilon))

    theirs = get_noise_multiplier(
        target_epsilon=epsilon, target_delta=1e-4, sample_rate=1 / 9, epochs=300, accountant="rdp"
    )

    assert calibrate_run(config) == pytest.approx(theirs, rel=0.01)


@pytest.mark.parametrize(
    "recipe",
    [
        HeadRecipe(projection_dims=None),
        paper_preset("dbr0").config.recipe,
        paper_preset("dbr156").config.recipe,
        replace(paper_preset("dbr1").config.recipe, ema_decay=0.9),
        replace(paper_preset("dbr1").config.recipe, synthetic_weight=0.1),
    ],
)
def test_run_that_trains_more_than_a_head_is_refused(dataset, recipe):
    with pytest.raises(InvalidRequestError, match="Expected a preset of a head on a frozen"):
        run_frozen_preset(dataset, replace(short_run(dataset), recipe=recipe), ledger=FreeLedger())


def test_run_without_validation_masses_cannot_choose_an_epoch(dataset):
    blind = replace(dataset, validation=None)

    with pytest.raises(CohortError, match="Expected validation masses of both classes"):
        run_frozen_preset(blind, short_run(dataset), ledger=FreeLedger())
    outcome = run_frozen_preset(blind, short_run(dataset, kept="last"), ledger=FreeLedger())
    assert outcome.validated is None


def test_run_without_the_synthetic_masses_it_needs_is_refused(dataset):
    poor = replace(dataset, synthetic=None, synthetic_features=None)

    with pytest.raises(CohortError, match="Expected synthetic masses for the strategy real"):
        run_frozen_preset(poor, short_run(dataset, "dbr2"), ledger=FreeLedger())


def test_run_on_another_network_than_the_loaded_one_is_refused(dataset):
    config = replace(short_run(dataset), backbone=replace(TINY, views=1))

    with pytest.raises(InvalidRequestError, match="Expected a run on the loaded backbone"):
        run_frozen_preset(dataset, config, ledger=FreeLedger())
