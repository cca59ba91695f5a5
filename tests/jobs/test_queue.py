"""Jobs: from queue to end, cancelled, continued, taking turns; with a thread in place of Dask."""

import time
from dataclasses import replace

import pytest

from mammo_core.classifiers.textures import texture_images
from mammo_core.cohorts import folders
from mammo_core.errors import InvalidRequestError
from mammo_core.jobs import store as job_store
from mammo_core.jobs.context import JobContext
from mammo_core.jobs.queue import JobQueue
from mammo_core.jobs.requests import request_from_dict
from mammo_core.jobs.store import JobStore
from mammo_core.jobs.worker import run_job
from mammo_core.ledger.book import Budget
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.archive import RunArchive
from tests.helpers.jobs import (
    ThreadExecutors,
    features_request,
    sweep_request,
    wait_for,
    wait_until_over,
    write_cohort,
)


@pytest.fixture
def source(tmp_path):
    return write_cohort(tmp_path / "cohort")


@pytest.fixture
def engine(private_home):
    engine = JobQueue(private_home, ThreadExecutors())
    yield engine
    engine.close()


@pytest.fixture
def waiting_engine(private_home):
    """Holds every job until `executors.release()`."""
    executors = ThreadExecutors(waits=True)
    engine = JobQueue(private_home, executors)
    engine.release, engine.num_submitted = executors.release, executors.num_submitted
    yield engine
    engine.close()


def test_job_trains_on_the_site_it_names_and_asks_for_one_where_there_are_several(
    engine, source, private_home
):
    write_cohort(source.real, site="elsewhere")

    unnamed = wait_until_over(engine, engine.start(sweep_request(source), "ana").id)
    named = engine.start(sweep_request(replace(source, site="elsewhere"), epsilons=(6.0,)), "ana")
    named = wait_until_over(engine, named.id)

    assert unnamed.state == "failed" and "exactly one site with a train split" in unnamed.error
    assert named.state == "finished"
    (cohort,) = open_ledger(private_home).book().cohorts.values()
    assert cohort.name == "elsewhere"
    assert set(RunArchive(private_home).rows()["test_set"]) == {"site", "elsewhere"}


def test_job_says_which_runs_were_recorded_before(engine, source):
    for epsilons in ((6.0,), (1.0, 6.0)):
        job = engine.start(sweep_request(source, seeds=(1,), epsilons=epsilons), "ana")
        job = wait_until_over(engine, job.id)

    assert "1 were recorded before and not trained again" in job.progress.message


def test_job_trains_every_run_and_records_them(engine, source, private_home):
    job = engine.start(sweep_request(source), "ana")

    job = wait_until_over(engine, job.id)

    assert (job.state, job.progress.done, job.progress.total) == ("finished", 4, 4)
    rows = RunArchive(private_home).rows()
    assert set(zip(rows["target_epsilon"], rows["seed"], strict=True)) == {
        (1.0, 1),
        (1.0, 2),
        (6.0, 1),
        (6.0, 2),
    }
    assert set(rows["job"]) == {job.id}


def test_job_draws_loss_and_validation_curve_of_the_run_in_training(engine, source):
    job = engine.start(sweep_request(source, seeds=(1,), epsilons=(6.0,)), "ana")

    wait_until_over(engine, job.id)

    loss = engine.store.curve(job.id, "loss")
    assert [step for step, _ in loss] == [1, 2, 3, 4, 5]
    assert all(0 <= value <= 1 for _, value in engine.store.curve(job.id, "validation_auroc"))
    assert len(engine.store.curve(job.id, "validation_auroc")) == 5


def test_same_request_again_trains_nothing_twice(engine, source, private_home):
    for _ in range(2):
        job = wait_until_over(engine, engine.start(sweep_request(source), "ana").id)
        assert job.state == "finished"

    assert RunArchive(private_home).count() == 4
    own = RunArchive(private_home).rows_of_plan(job.request.plan, job.data_hash)
    assert own["run_id"].nunique() == 4


def test_features_job_computes_them(engine, source, private_home):
    job = wait_until_over(engine, engine.start(features_request(source), "ana").id)

    assert (job.state, job.progress.done) == ("finished", 36 + len(texture_images()))
    assert list((private_home / "features").rglob("*.safetensors"))


def test_unusable_data_fail_with_what_to_do(engine, source, tmp_path):
    missing = type(source)(tmp_path / "nowhere")

    job = wait_until_over(engine, engine.start(features_request(missing), "ana").id)

    assert job.state == "failed"
    assert "Expected a folder of masses" in job.error


def test_waiting_job_is_cancelled_at_once_and_never_runs(waiting_engine, source, private_home):
    job = waiting_engine.start(sweep_request(source), "ana")

    waiting_engine.cancel(job.id)
    assert waiting_engine.store.view(job.id).state == "cancelled"

    waiting_engine.release()
    time.sleep(0.5)
    assert RunArchive(private_home).count() == 0


def test_job_is_cancelled_while_it_reads_masses(engine, source, monkeypatch):
    report, read = JobContext.report, []

    def cancelled_at_the_third(self, done, total, message, epsilon=None):
        if (done, message) == (2, "Reading masses"):
            self._stop.set()
        report(self, done, total, message, epsilon)

    decoded = folders._decode
    monkeypatch.setattr(JobContext, "report", cancelled_at_the_third)
    monkeypatch.setattr(folders, "_decode", lambda path: read.append(path) or decoded(path))

    job = wait_until_over(engine, engine.start(sweep_request(source), "ana").id)

    assert (job.state, len(read)) == ("cancelled", 2)


def test_running_job_stops_early_keeps_what_it_has_and_goes_on(engine, source, private_home):
    job = engine.start(
        sweep_request(source, seeds=tuple(range(12)), epsilons=(1.0,), steps=300), "ana"
    )
    wait_for(RunArchive(private_home).count, lambda count: count >= 2)

    engine.cancel(job.id)
    job = wait_until_over(engine, job.id)

    assert job.state == "cancelled"
    kept = RunArchive(private_home).count()
    assert 2 <= kept < 12
    assert engine.resume(job.id).state == "queued"
    assert wait_until_over(engine, job.id, limit_s=240).state == "finished"
    rows = RunArchive(private_home).rows()
    assert len(rows) == rows["run_key"].nunique() == 12


def test_job_whose_heart_stopped_is_interrupted_not_running_for_ever(
    engine, source, private_home, monkeypatch
):
    store = JobStore(private_home)
    job = store.add(sweep_request(source), "ana", 0)
    store.begin(job.id)
    assert store.view(job.id).state == "running"

    later = time.time() + job_store.SILENT_SECONDS + 1
    monkeypatch.setattr(job_store.time, "time", lambda: later)
    assert store.view(job.id).state == "interrupted"
    monkeypatch.undo()

    store._client.set_tag(job.id, "heartbeat", "1")
    engine.resume(job.id)
    assert wait_until_over(engine, job.id).state == "finished"


def test_waiting_jobs_heart_is_kept_by_the_engine(waiting_engine, source):
    job = waiting_engine.start(sweep_request(source), "ana")
    waiting_engine.store._client.set_tag(job.id, "heartbeat", "1")

    wait_for(lambda: waiting_engine.store.view(job.id).state, lambda state: state == "queued", 10)


def test_database_that_fails_once_stops_no_heart(waiting_engine, source, monkeypatch):
    job = waiting_engine.start(sweep_request(source), "ana")
    wait_for(lambda: waiting_engine.num_submitted(), lambda count: count == 1)
    beat, failures = JobStore.beat, []

    def fail_once(store, job_id):
        if not failures:
            failures.append(job_id)
            raise OSError("database is locked")
        beat(store, job_id)

    monkeypatch.setattr(JobStore, "beat", fail_once)
    waiting_engine.store._client.set_tag(job.id, "heartbeat", "1")

    wait_for(lambda: waiting_engine.store.view(job.id).state, lambda state: state == "queued", 15)
    assert failures


def test_older_attempt_gives_way(private_home, source):
    store = JobStore(private_home)
    first = store.add(sweep_request(source), "ana", 0)
    second = store.queue_again(first.id, 0)

    assert run_job(str(private_home), None, first.id, first.attempt) == "queued"
    assert RunArchive(private_home).count() == 0
    assert run_job(str(private_home), None, first.id, second.attempt) == "finished"


def test_only_ended_jobs_can_be_continued(engine, source):
    job = wait_until_over(engine, engine.start(sweep_request(source), "ana").id)

    with pytest.raises(InvalidRequestError, match="this one is finished"):
        engine.resume(job.id)


def test_owners_take_turns(waiting_engine, source):
    ana = [waiting_engine.start(sweep_request(source, seeds=(i,)), "ana") for i in range(3)]
    bob = waiting_engine.start(sweep_request(source, seeds=(9,)), "bob")
    wait_for(lambda: waiting_engine.num_submitted(), lambda count: count == 4)

    assert [waiting_engine.place(job) for job in (ana[0], bob, ana[1], ana[2])] == [0, 1, 2, 3]
    waiting_engine.release()
    ended = [wait_until_over(waiting_engine, job.id) for job in (*ana, bob)]
    started = {job.id: job.started for job in ended}
    assert started[bob.id] < started[ana[1].id] < started[ana[2].id]


def test_unknown_job_is_named(private_home):
    with pytest.raises(
        InvalidRequestError, match="Expected the id of a job in this store; got 'x'"
    ):
        JobStore(private_home).view("x")


def test_requests_travel_as_json(source):
    for request in (features_request(source), sweep_request(source, epsilons=(1.0, float("inf")))):
        assert request_from_dict(request.to_dict()) == request


def test_request_of_another_version_is_refused(source):
    values = features_request(source).to_dict() | {"kind": "dance"}

    with pytest.raises(InvalidRequestError, match="got 'dance'"):
        request_from_dict(values)


def test_jobs_of_another_version_are_left_out_of_the_list(source, private_home):
    store = JobStore(private_home)
    known, strange = (store.add(features_request(source), "ana", 0) for _ in range(2))
    store._client.set_tag(strange.id, "request", '{"kind": "sweep", "source": {}, "plan": {}}')

    assert [view.id for view in store.views()] == [known.id]
    with pytest.raises(InvalidRequestError, match="Another version made it"):
        store.view(strange.id)


def test_job_beyond_the_budget_fails_and_says_why_unless_it_carries_a_reason(
    engine, source, private_home
):
    ledger = open_ledger(private_home)
    first = engine.start(sweep_request(source, seeds=(1,), epsilons=(1.0,)), "ana")
    assert wait_until_over(engine, first.id).state == "finished"
    (cohort,) = ledger.book().cohorts.values()
    ledger.set_budget(cohort, Budget(epsilon=1.5, delta=1e-3))
    more = sweep_request(source, seeds=(1,), epsilons=(6.0,))

    refused = wait_until_over(engine, engine.start(more, "ana").id)
    assert refused.state == "failed"
    assert "Nothing was computed" in refused.error

    with_reason = replace(more, beyond_budget="for the talk")
    assert request_from_dict(with_reason.to_dict()) == with_reason
    done = wait_until_over(engine, engine.start(with_reason, "ana").id)
    assert done.state == "finished"
    entries = ledger.book().entries
    assert [(entry.job, entry.reason) for entry in entries] == [
        (first.id, ""),
        (done.id, "for the talk"),
    ]
