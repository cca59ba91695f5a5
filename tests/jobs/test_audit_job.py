"""An audit as a job: keeps its tables, stops at once, and tells what it attacks."""

import math

import pytest

from mammo_core.auditing.heads import AuditPlan
from mammo_core.jobs.queue import JobQueue
from mammo_core.jobs.requests import AuditRequest, request_from_dict
from tests.classifiers.test_features import TINY
from tests.helpers.jobs import ThreadExecutors, wait_for, wait_until_over, write_cohort


@pytest.fixture
def engine(private_home):
    engine = JobQueue(private_home, ThreadExecutors())
    yield engine
    engine.close()


def audit_request(tmp_path, **changed):
    plan = {
        "strategy": "real",
        "epsilons": (2.0, math.inf),
        "delta": 1e-3,
        "backbone": TINY,
        "shadows": 24,
        "trainings": 32,
        "canaries": 4,
    }
    return AuditRequest(source=write_cohort(tmp_path / "cohort"), plan=AuditPlan(**plan | changed))


def test_audit_keeps_three_tables_with_its_job(engine, tmp_path):
    job = wait_until_over(engine, engine.start(audit_request(tmp_path), "ana").id)

    assert (job.state, job.progress.done, job.progress.total) == ("finished", 2, 2)
    tables = engine.store.tables(job.id)
    assert set(tables) == {"attacks", "audits", "roc"}
    assert set(tables["audits"]["target_epsilon"]) == {2.0, math.inf}
    assert engine.store.view(job.id).request.title == "Attacks on real only at ε = 2, ∞ on cohort"


def test_cancelled_audit_stops_before_it_is_done(engine, tmp_path):
    job = engine.start(audit_request(tmp_path, shadows=20_000), "ana")
    wait_for(
        lambda: engine.store.view(job.id).progress,
        lambda progress: progress is not None and "Attacking" in progress.message,
    )

    engine.cancel(job.id)

    assert wait_until_over(engine, job.id).state == "cancelled"
    assert engine.store.tables(job.id) == {}


def test_audit_request_travels_as_json(tmp_path):
    request = audit_request(tmp_path)

    assert request_from_dict(request.to_dict()) == request
