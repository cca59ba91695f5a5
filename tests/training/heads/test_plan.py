"""The one way to train heads: what is recorded is shown again, and noise is calibrated once a run."""

import math

import pytest

from mammo_core.config.runs import run_key
from mammo_core.ledger.book import Budget
from mammo_core.privacy.accounting import gaussian
from mammo_core.results.archive import RunArchive
from mammo_core.results.plans import run_sweep_into_file, train_plan
from mammo_core.results.table_file import ResultsFile
from mammo_core.training.heads import sweep
from mammo_core.training.heads.sweep import SweepPlan, run_plan
from tests.helpers.made_ledgers import FreeLedger, memory_ledger
from tests.training.heads.test_runs import make_config


@pytest.fixture
def ledger():
    return memory_ledger()


def trained(dataset, configs, home, ledger):
    work = ledger.on_behalf_of("train")
    return list(train_plan(dataset, configs, home, ledger=work, origin="train"))


def test_recorded_run_is_neither_trained_nor_released_again(dataset, tmp_path, ledger):
    config = make_config(dataset, "real", noise="secret")

    (first,) = trained(dataset, [config], tmp_path, ledger)
    (again,) = trained(dataset, [config], tmp_path, ledger)

    assert first.result is not None and again.result is None
    assert again.run_id == first.run_id
    assert RunArchive(tmp_path).load(again.run_id).epsilon == first.result.epsilon
    assert len(ledger.book().entries) == 1


def test_another_seed_is_another_run_and_a_deleted_run_can_be_trained_anew(
    dataset, tmp_path, ledger
):
    config, other = (make_config(dataset, "real", noise="secret", seed=seed) for seed in (1, 2))
    (first,) = trained(dataset, [config], tmp_path, ledger)
    RunArchive(tmp_path).delete(first.run_id)

    runs = trained(dataset, [config, other], tmp_path, ledger)

    assert all(run.result is not None for run in runs)
    assert len(ledger.book().entries) == 3


def test_only_what_is_missing_must_fit_into_the_budget(dataset, tmp_path, ledger):
    configs = [make_config(dataset, "real", noise="secret", seed=seed) for seed in (1, 2)]
    trained(dataset, configs, tmp_path, ledger)
    ledger.set_budget(dataset.cohort_identity, Budget(epsilon=6.1, delta=1e-4))

    assert [run.result for run in trained(dataset, configs, tmp_path, ledger)] == [None, None]


def test_sweep_takes_recorded_runs_into_its_table_without_training_them(
    dataset, tmp_path, ledger, monkeypatch
):
    plan = SweepPlan(
        strategies=("real",),
        units=("patient",),
        epsilons=(6.0, math.inf),
        seeds=(0,),
        delta=1e-4,
        backbone=dataset.backbone,
    )
    results = trained(dataset, plan.configs(), tmp_path, ledger)
    monkeypatch.setattr(sweep, "train_together", lambda *_, **__: pytest.fail("trained again"))

    file = ResultsFile(tmp_path / "r.csv")
    run_sweep_into_file(dataset, plan, file, tmp_path, ledger=FreeLedger())

    assert len(file.rows) == 8  # of two runs: two test sets, each per mass and per patient
    for run in results:
        key = run_key(run.result.config, dataset.data_hash)
        (row,) = (
            row
            for row in file.rows
            if (row["run_key"], row["test_set"], row["evaluation_unit"]) == (key, "here", "mass")
        )
        assert row["auroc"] == f"{run.result.estimates['here']['auroc'].value:.5f}"
        assert float(row["epsilon"]) == pytest.approx(run.result.epsilon)


def test_noise_is_calibrated_and_a_release_described_once_a_run(dataset, tmp_path, monkeypatch):
    calls = []

    def counted(module, name):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args: calls.append(name) or real(*args))

    counted(gaussian, "mu_for")  # the search for a noise
    counted(sweep, "releases_of_run")
    configs = [make_config(dataset, "real", epsilon) for epsilon in (1.0, 6.0)]

    runs = train_plan(dataset, configs, tmp_path, ledger=FreeLedger(), origin="train")

    assert all(run.result is not None for run in runs)
    assert {name: calls.count(name) for name in calls} == {
        "mu_for": 2,
        "releases_of_run": 2,
    }


def test_plan_of_several_strategies_is_one_plan_of_batches(dataset):
    configs = [make_config(dataset, name) for name in ("real", "pretrain", "real")]
    configs[2] = make_config(dataset, "real", epsilon=1.0)
    together = []

    runs = run_plan(
        dataset, configs, ledger=FreeLedger(), on_step=lambda step: together.append(step.configs)
    )

    assert {config for config, result in runs if result} == set(configs)
    assert {len(batch) for batch in together} == {1, 2}
