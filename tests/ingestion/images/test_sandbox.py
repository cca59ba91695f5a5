import logging
import os
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images import reader, sandbox
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.images.reader import NoProcessError, ReadingProcess
from mammo_core.ingestion.images.sandbox import map_safely, read_safely
from tests.ingestion.images.made_dicom import made

OBEY = "tests.ingestion.images.tasks:obey"


@pytest.fixture(scope="module")
def process():
    process = ReadingProcess(OBEY, seconds=1.5)
    yield process
    process.close()


@pytest.fixture
def left_over():
    """Gives the processes that were started since and still run."""

    def running():
        return {
            child.pid
            for child in psutil.Process().children()
            if child.status() != psutil.STATUS_ZOMBIE
            and "mammo_core.ingestion.images.reading_process" in child.cmdline()
        }

    before = running()
    return lambda: running() - before


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("crash", "Expected x.dcm to be read; its decoder broke down"),
        ("exit", r"its decoder broke down \(exit code 3\)"),
        ("loop", "Expected x.dcm to be read within 1.5 s"),
        ("sleep", "Expected x.dcm to be read within 1.5 s"),
        ("swell", "with less than 2048 MB of memory"),
        ("refuse", "Expected better; got this. Try again."),
    ],
)
def test_whatever_happens_to_a_decoder_is_an_intake_error(process, task, message):
    with pytest.raises(IngestionError, match=message):
        process(task, name="x.dcm")

    assert process("fine") == "fine"


def test_memory_is_watched_where_the_system_sets_no_limit(monkeypatch):
    process = ReadingProcess(OBEY, seconds=60)
    process("fine")
    monkeypatch.setattr(reader, "_LIMITED_BY_SYSTEM", False)
    monkeypatch.setattr(reader, "_memory_of", lambda process: 3 * 2**30)

    with pytest.raises(IngestionError, match="with less than 2048 MB of memory"):
        process("sleep", name="x.dcm")

    process.close()


def test_bug_is_logged_without_what_it_quotes(process, caplog):
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(IngestionError, match="in an unexpected way"),
    ):
        process("bug")

    assert "tasks.py" in caplog.text
    assert "KeyError" in caplog.text
    assert "bug of JANE" not in caplog.text


def test_prints_of_decoders_do_not_disturb_the_answers(process):
    assert process("print") == "print"
    assert process("fine") == "fine"


def test_process_is_used_again_until_it_keeps_too_much_memory():
    process = ReadingProcess(OBEY, seconds=60)
    first = process("pid")
    again = process("pid")
    process("keep")
    replaced = process("pid")

    process.close()
    assert first == again != replaced


def test_picture_comes_back_whole():
    file = made(PixelSpacing=[0.07, 0.07], BurnedInAnnotation="YES")

    safe, direct = read_safely(file, name="x.dcm"), read_image(file)

    np.testing.assert_array_equal(safe.stored, direct.stored)
    np.testing.assert_array_equal(safe.table, direct.table)
    assert (safe.patient_id, safe.image_id) == (direct.patient_id, direct.image_id)
    assert repr(safe) == repr(direct)


def test_many_threads_may_read_at_once():
    file, found = made(), []

    threads = [
        threading.Thread(target=lambda: found.append(read_safely(file, name="x").shape))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [(96, 64)] * 8


def test_one_process_reads_file_after_file():
    file = made()
    read_safely(file, name="x")
    running = psutil.Process().children(recursive=True)

    for _ in range(20):
        read_safely(file, name="x")

    assert psutil.Process().children(recursive=True) == running


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_pipe_that_nobody_writes_to_is_given_up(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.dcm")
    monkeypatch.setattr(sandbox, "_reader", ReadingProcess(sandbox.IMAGE_PARTS, seconds=1))

    with pytest.raises(IngestionError, match="within 1 s"):
        read_safely(tmp_path / "pipe.dcm", name="pipe.dcm")

    sandbox._reader.close()


def test_all_items_come_back_with_their_results(left_over):
    found = dict(map_safely("tests.ingestion.images.tasks:double", range(200), workers=2))

    assert found == {number: 2 * number for number in range(200)}
    assert not left_over()


def test_bad_items_cost_only_themselves():
    tasks = ["a", "crash", "b", "loop", "c", "refuse", "d", "exit", "e", "bug", "f"]

    found = list(map_safely(OBEY, tasks, workers=2, seconds=1.5))

    results = dict(found)
    assert len(found) == len(tasks)
    assert {task for task, result in results.items() if result == task} == set("abcdef")
    assert all(
        isinstance(results[task], IngestionError)
        for task in ("crash", "loop", "refuse", "exit", "bug")
    )


def test_items_are_taken_only_as_results_are_fetched(left_over):
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_safely("tests.ingestion.images.tasks:double", items(), workers=2)
    next(results)
    time.sleep(0.5)

    assert len(taken) <= 1 + 2 * 2 + 2
    results.close()
    assert not left_over()


def test_stop_ends_work_under_way_at_once(left_over):
    stop = threading.Event()
    threading.Timer(2.0, stop.set).start()
    start = time.monotonic()

    found = list(map_safely(OBEY, ["sleep"] * 4, workers=2, should_stop=stop.is_set))

    assert found == []
    assert time.monotonic() - start < 60  # that the tasks take
    assert not left_over()


def test_error_of_the_items_is_raised():
    def items():
        yield 1
        raise RuntimeError("the list broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        list(map_safely("tests.ingestion.images.tasks:double", items(), workers=2))


def test_processes_that_cannot_start_are_no_fault_of_the_items():
    with pytest.raises(NoProcessError, match="did not start"):
        list(map_safely("tests.ingestion.nothing:nowhere", range(10), workers=2))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the system are set on Linux only")
def test_process_ends_by_itself_when_its_parent_is_killed_in_the_middle_of_a_task():
    code = (
        "import os, signal, threading, time;"
        "from mammo_core.ingestion.images.reader import ReadingProcess;"
        "own = ReadingProcess('tests.ingestion.images.tasks:obey', seconds=1);"
        "print(own('pid'), flush=True);"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start();"
        "own('loop')"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )

    left = int(done.stdout)
    deadline = time.monotonic() + 60
    while psutil.pid_exists(left) and psutil.Process(left).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def map_in_a_worker(count):
    import multiprocessing

    daemonic = multiprocessing.current_process().daemon
    return daemonic, sorted(
        result
        for _, result in map_safely("tests.ingestion.images.tasks:double", range(count), workers=2)
    )


@pytest.mark.parametrize("daemon", [True, False])
def test_map_works_inside_a_worker_of_dask(daemon):
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.worker.daemon": daemon}),
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        daemonic, found = client.submit(map_in_a_worker, 20).result(timeout=120)

    assert daemonic is daemon
    assert found == [2 * number for number in range(20)]
