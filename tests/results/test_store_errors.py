"""What the disk refuses while results are recorded: said in words, nothing half recorded, nothing damaged."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.errors import StoreError
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results import recording
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from mammo_core.storage.mlflow_store import open_experiment, store_errors_explained
from tests.app.helpers import ROOT
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.fixture
def result(dataset):
    (trained,) = run_many(dataset, [make_config(dataset, "real")])
    return trained


def test_a_full_disk_while_recording_leaves_the_runs_before_whole(
    dataset, result, private_home, monkeypatch
):
    tracker = RunRecorder(private_home)
    first = tracker.record(result, origin="train")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as changed:
        changed.setattr(tracker._client, "log_text", full)
        with pytest.raises(
            StoreError, match="No space left on device. What was kept before is whole"
        ):
            tracker.record(result, origin="train")

    archive = RunArchive(private_home)
    assert set(archive.rows()["run_id"]) == {first}
    assert archive.count() == 1
    tracker.record(result, origin="train")
    assert archive.count() == 2


def test_a_database_that_cannot_grow_says_so_and_stays_whole(private_home):
    """A real limit of the system on the size of files, in a process of its own."""
    open_experiment(private_home, "before")
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from mammo_core.errors import StoreError\n"
        "from mammo_core.ledger.records import MlflowRecords\n"
        "records = MlflowRecords(Path(sys.argv[1]))\n"
        "size = (Path(sys.argv[1]) / 'mlflow.db').stat().st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40_000, size + 40_000))\n"
        "try:\n"
        "    for number in range(100):\n"
        "        records.add('generator', 'x', {'sha256': 'a' * 200_000})\n"
        "except StoreError as error:\n"
        "    print(number, error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(private_home)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )

    assert "the disk refused" in done.stdout, done.stderr[-2000:]
    with sqlite3.connect(private_home / "mlflow.db") as database:
        (state,) = database.execute("pragma integrity_check").fetchone()
    database.close()
    assert state == "ok"
    open_ledger(private_home)


def test_a_read_only_database_says_so(dataset, result, private_home, monkeypatch):
    open_experiment(private_home, recording.EXPERIMENT)
    open_experiment(private_home, "projections")
    file = private_home / "mlflow.db"
    monkeypatch.chdir(private_home)  # MLflow makes a folder named after the address
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///file:{file}?mode=ro&uri=true")

    with pytest.raises(StoreError, match="readonly database"):
        RunRecorder(private_home).record(result, origin="train")

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert RunArchive(private_home).count() == 0


@pytest.mark.parametrize("way", ["file in the way", "no database"])
def test_a_home_that_cannot_be_used_says_so(tmp_path, way):
    home = tmp_path / "home"
    if way == "no database":
        home.mkdir()
        (home / "mlflow.db").write_text(
            "this is a text, not a database, and long enough to be one" * 90
        )
    else:
        home.write_text("")

    with pytest.raises(StoreError, match="set MAMMO_HOME to another one"):
        open_experiment(home, "e")


def test_pages_show_the_message_in_place_of_a_traceback(private_home):
    Path(private_home).mkdir()
    (private_home / "mlflow.db").mkdir()

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()

    assert not app.exception
    assert "the disk refused" in app.error[0].value


def test_other_errors_pass():
    with pytest.raises(KeyError), store_errors_explained():
        raise KeyError("x")
