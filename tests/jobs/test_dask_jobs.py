"""Jobs on real Dask processes: a worker, the cluster or the whole server is killed, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest
import torch

from mammo_core.errors import MammoError
from mammo_core.jobs.dask_executor import DaskExecutors
from mammo_core.jobs.local_cluster import thread_settings, worker_specs
from mammo_core.jobs.queue import JobQueue
from mammo_core.jobs.store import JobStore
from mammo_core.results.archive import RunArchive
from tests.helpers.jobs import (
    features_request,
    sweep_request,
    wait_for,
    wait_until_over,
    write_cohort,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def long_request(tmp_path):
    """Several seconds of training, a run every now and then."""
    return request_of(tmp_path, num_runs=12)


def request_of(tmp_path, num_runs):
    source = write_cohort(tmp_path / "cohort")
    return sweep_request(source, seeds=tuple(range(num_runs)), epsilons=(1.0,), steps=600)


@pytest.fixture
def threads_unset(monkeypatch):
    """As on a user's computer; tests run with one thread each."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def engine(private_home):
    engine = JobQueue(private_home, DaskExecutors())
    yield engine
    engine.close()


def worker_of(cluster_pid):
    """The process that does the work: the one below the nanny that holds most memory."""
    children = psutil.Process(cluster_pid).children(recursive=True)
    return max(children, key=lambda process: process.memory_info().rss)


def each_run_once(home, count):
    rows = RunArchive(home).rows()
    assert len(rows) == rows["run_key"].nunique() == count


@pytest.mark.slow
def test_killed_worker_is_replaced_and_the_job_goes_on(engine, tmp_path, private_home):
    job = engine.start(request_of(tmp_path, 12), "ana")
    wait_for(RunArchive(private_home).count, lambda count: count >= 2, 90)

    worker_of(engine._executors._cluster.pid).kill()

    assert wait_until_over_ignoring_silence(engine, job.id).state == "finished"
    each_run_once(private_home, 12)


def wait_until_over_ignoring_silence(engine, job_id):
    """A worker that starts anew on a busy machine may be silent for longer than it should."""
    return wait_for(
        lambda: engine.store.view(job_id),
        lambda view: view.is_over and view.state != "interrupted",
        150,
    )


@pytest.mark.slow
def test_killed_cluster_leaves_the_job_interrupted_and_it_can_be_continued(
    engine, long_request, private_home
):
    job = engine.start(long_request, "ana")
    wait_for(RunArchive(private_home).count, lambda count: count >= 1, 90)

    engine._executors._cluster.kill()

    job = wait_until_over(engine, job.id)
    assert job.state == "interrupted"
    assert RunArchive(private_home).count() < 12
    engine.resume(job.id)
    assert wait_until_over_ignoring_silence(engine, job.id).state == "finished"
    each_run_once(private_home, 12)


@pytest.mark.slow
def test_killed_server_takes_its_workers_along_and_a_new_one_continues(
    tmp_path, long_request, private_home
):
    script = tmp_path / "server.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import json, sys, time
            from pathlib import Path
            from mammo_core.jobs.dask_executor import DaskExecutors
            from mammo_core.jobs.queue import JobQueue
            from mammo_core.jobs.requests import request_from_dict

            if __name__ == "__main__":
                engine = JobQueue(Path({str(private_home)!r}), DaskExecutors())
                engine.start(request_from_dict(json.loads(sys.argv[1])), "ana")
                time.sleep(600)
            """
        )
    )

    server = subprocess.Popen(
        [sys.executable, str(script), json.dumps(long_request.to_dict())],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wait_for(RunArchive(private_home).count, lambda count: count >= 1, 90)
    family = psutil.Process(server.pid).children(recursive=True)

    server.send_signal(signal.SIGKILL)
    server.wait()

    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    store = JobStore(private_home)
    (job,) = store.views()
    wait_for(lambda: store.view(job.id).state, lambda state: state == "interrupted", 30)
    engine = JobQueue(private_home, DaskExecutors())
    try:
        engine.resume(job.id)
        assert wait_until_over_ignoring_silence(engine, job.id).state == "finished"
    finally:
        engine.close()
    each_run_once(private_home, 12)


def end(process):
    """Asks a process to go, and makes it after a while: Dask may wait long for others to answer."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_external_scheduler_does_the_jobs(tmp_path, monkeypatch, private_home):
    address_file = tmp_path / "scheduler.json"
    scheduler = subprocess.Popen(
        [
            *[sys.executable, "-m", "distributed.cli.dask_scheduler"],
            *["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"],
            *["--scheduler-file", str(address_file)],
        ],
        stderr=subprocess.DEVNULL,
    )
    worker = None
    try:
        wait_for(address_file.exists, bool, 30)
        worker = subprocess.Popen(
            [
                *[sys.executable, "-m", "distributed.cli.dask_worker"],
                *["--scheduler-file", str(address_file), "--nthreads", "1", "--no-nanny"],
                *["--resources", "GPU=1", "--dashboard-address", "127.0.0.1:0"],
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )

        monkeypatch.setenv("MAMMO_DASK_SCHEDULER", json.loads(address_file.read_text())["address"])
        monkeypatch.setenv("MAMMO_DASK_RESOURCE", "GPU")
        engine = JobQueue(private_home, DaskExecutors())
        job = engine.start(features_request(write_cohort(tmp_path / "cohort")), "ana")
        assert wait_until_over(engine, job.id).state == "finished"
        engine.close()
    finally:
        for process in (worker, scheduler):
            if process is not None:
                end(process)


def test_missing_scheduler_fails_the_job_with_what_to_do(tmp_path, monkeypatch, private_home):
    monkeypatch.setenv("MAMMO_DASK_SCHEDULER", "tcp://127.0.0.1:9")
    engine = JobQueue(private_home, DaskExecutors())

    job = engine.start(features_request(write_cohort(tmp_path / "cohort")), "ana")

    job = wait_until_over(engine, job.id)
    assert job.state == "failed"
    assert "Expected a Dask scheduler at tcp://127.0.0.1:9" in job.error
    engine.close()


def test_cluster_that_is_still_starting_is_ended_at_once_when_all_is_closed(monkeypatch):
    silent = [sys.executable, "-c", "import time; time.sleep(1000)"]
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: popen(silent, **options))
    executors, said = DaskExecutors(), []

    def opening():
        try:
            executors.open()
        except MammoError as error:
            said.append(str(error))

    thread = threading.Thread(target=opening)
    thread.start()
    process = wait_for(lambda: executors._cluster, bool)

    executors.close()

    thread.join(timeout=60)
    assert not thread.is_alive() and said
    assert process.poll() is not None


def test_one_worker_per_gpu_and_one_for_the_processor_without(threads_unset):
    two, none = worker_specs(num_gpus=2), worker_specs(num_gpus=0)

    assert [spec["options"]["env"]["CUDA_VISIBLE_DEVICES"] for spec in two.values()] == ["0", "1"]
    assert [spec["options"]["env"] for spec in none.values()] == [{}]
    assert thread_settings(num_gpus=2, num_cores=8)["OMP_NUM_THREADS"] == "4"
    assert thread_settings(num_gpus=0, num_cores=8)["OMP_NUM_THREADS"] == "8"


@pytest.mark.slow
def test_owners_take_turns_on_dask_too(engine, tmp_path):
    source = write_cohort(tmp_path / "cohort")
    ana = [
        engine.start(sweep_request(source, seeds=(seed,), epsilons=(1.0,), steps=300), "ana").id
        for seed in range(3)
    ]
    bob = engine.start(sweep_request(source, seeds=(9,), epsilons=(1.0,), steps=300), "bob").id

    ended = {job_id: wait_until_over_ignoring_silence(engine, job_id) for job_id in (*ana, bob)}

    assert {job.state for job in ended.values()} == {"finished"}
    assert ended[bob].started < ended[ana[2]].started


def test_threads_that_somebody_set_are_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    assert thread_settings(num_gpus=0, num_cores=8)["OMP_NUM_THREADS"] == "3"


def test_worker_computes_with_all_cores(threads_unset, engine):
    executor = engine._executors.open()

    assert executor.submit(torch.get_num_threads).result(timeout=60) == os.cpu_count()
