"""Jobs that train a network: progress, curve, result, cancelled and continued; with a thread in place of Dask."""

import math
from dataclasses import replace

import pytest

from mammo_core.errors import InvalidRequestError
from mammo_core.jobs import network_handler
from mammo_core.jobs.queue import JobQueue
from mammo_core.jobs.requests import NetworkRequest, TimingRequest, request_from_dict
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.archive import RunArchive
from mammo_core.training.networks import loop
from mammo_core.training.paper import presets
from tests.helpers.jobs import ThreadExecutors, wait_until_over, write_cohort
from tests.helpers.networks import small_config


@pytest.fixture
def request_(tmp_path):
    source = write_cohort(tmp_path / "cohort")
    return NetworkRequest(source=source, config=small_config(), device="cpu", micro_batch=4)


@pytest.fixture
def engine(private_home):
    engine = JobQueue(private_home, ThreadExecutors())
    yield engine
    engine.close()


def num_charges(home):
    return len(open_ledger(home).book().entries)


def test_job_trains_records_and_draws_a_curve(engine, request_, private_home):
    job = wait_until_over(engine, engine.start(request_, "ana").id)

    assert (job.state, job.error) == ("finished", "")
    assert job.progress.message == "Tested after step 4 of 4"
    assert [step for step, _ in engine.store.curve(job.id, "loss")] == [1, 2, 3, 4]
    assert all(0 <= auroc <= 1 for _, auroc in engine.store.curve(job.id, "validation_auroc"))
    (row,) = RunArchive(private_home).rows().to_dict("records")
    assert (row["job"], row["trained_part"]) == (job.id, "head")


def test_run_that_is_recorded_is_not_trained_again(engine, request_, private_home):
    wait_until_over(engine, engine.start(request_, "ana").id)

    job = wait_until_over(engine, engine.start(request_, "ana").id)

    assert (job.state, job.progress.message) == ("finished", "This run was recorded before")
    assert RunArchive(private_home).count() == num_charges(private_home) == 1


def test_cancelled_job_keeps_its_checkpoint_and_goes_on_from_there(
    engine, request_, private_home, monkeypatch
):
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)
    shown, steps = network_handler._Reports.on_progress, []

    def cancelling(self, progress):
        shown(self, progress)
        steps.append(progress.step)
        if steps == [1, 2]:
            self._job._stop.set()

    monkeypatch.setattr(network_handler._Reports, "on_progress", cancelling)
    job = wait_until_over(engine, engine.start(request_, "ana").id)
    assert job.state == "cancelled"
    assert len(list(private_home.glob("networks/*/checkpoint.json"))) == 1

    engine.resume(job.id)
    job = wait_until_over(engine, job.id)

    assert job.state == "finished"
    assert steps == [1, 2, 3, 4]
    assert num_charges(private_home) == 1
    assert not list(private_home.glob("networks/*/checkpoint.json"))


def test_paper_preset_of_a_frozen_network_is_trained_on_cached_features(
    engine, request_, private_home, monkeypatch
):
    monkeypatch.setattr(presets, "EPOCHS", 4)
    backbone = replace(request_.config.backbone, views=8)
    config = presets.paper_preset("dbr1").for_data(12, 0, backbone=backbone)

    job = engine.start(NetworkRequest(source=request_.source, config=config), "ana")

    job = wait_until_over(engine, job.id)
    assert (job.state, job.error) == ("finished", "")
    assert (private_home / "features").is_dir()
    assert RunArchive(private_home).rows()["trained_part"].tolist() == ["head"]
    assert len(engine.store.curve(job.id, "loss")) == 4


def test_job_measures_the_time_of_a_network_and_releases_nothing(engine, request_, private_home):
    asked = TimingRequest(config=request_.config, device="cpu")

    job = wait_until_over(engine, engine.start(asked, "ana").id)

    assert (job.state, job.error) == ("finished", "")
    found = network_handler.measured_time(engine.store, job.id)
    assert found.device.startswith("CPU, ") and min(found.training, found.scoring) > 0
    assert num_charges(private_home) == RunArchive(private_home).count() == 0
    assert request_from_dict(asked.to_dict()) == asked


def test_job_that_cannot_be_done_says_why(engine, request_):
    config = small_config("pretrain", pretraining_steps=2)

    job = engine.start(NetworkRequest(source=request_.source, config=config), "ana")

    job = wait_until_over(engine, job.id)
    assert (job.state, job.error[:27]) == ("failed", "Expected synthetic masses f")


@pytest.mark.parametrize("epsilon", [6.0, math.inf])
def test_request_survives_json(request_, epsilon):
    asked = NetworkRequest(
        source=request_.source,
        config=small_config(epsilon=epsilon),
        device="cuda",
        beyond_budget="for a talk",
    )

    assert request_from_dict(asked.to_dict()) == asked
    assert "head of a network at ε" in asked.title


def test_request_of_another_version_is_refused(request_):
    values = request_.to_dict()
    values["config"]["recipe"]["warmup"] = 1

    with pytest.raises(InvalidRequestError, match="Another version made it"):
        request_from_dict(values)
