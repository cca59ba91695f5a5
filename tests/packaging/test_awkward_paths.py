"""Folders with spaces, umlauts and apostrophes, and a program started from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import SecondaryCaptureImageStorage

from mammo_core.ingestion.images.sandbox import read_safely
from mammo_core.jobs import dask_executor
from mammo_core.jobs.queue import JobQueue
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.export import export_runs
from mammo_core.results.exchange.load import import_runs
from mammo_core.system.paths import app_dir, child_environment, data_dir, home_dir
from tests.helpers.jobs import sweep_request, wait_until_over, write_cohort


@pytest.fixture
def awkward(tmp_path, monkeypatch):
    """The folder of one who has all of them in the path, and works in it."""
    folder = tmp_path / "Jürgen O'Hara's data & runs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_settings_may_name_the_users_folder_or_nothing(monkeypatch):
    monkeypatch.setenv("HOME", "/home/Jürgen's")
    monkeypatch.setenv("MAMMO_HOME", "~/runs")
    monkeypatch.setenv("MAMMO_DATA", "")

    assert home_dir() == Path("/home/Jürgen's/runs").resolve()
    assert data_dir() == app_dir() / "data"


def test_checkout_keeps_its_data_beside_the_app_wherever_one_works(awkward, monkeypatch):
    monkeypatch.delenv("MAMMO_HOME")
    monkeypatch.delenv("MAMMO_DATA")

    assert (home_dir(), data_dir()) == (app_dir() / ".mammo", app_dir() / "data")
    assert (app_dir() / "app.py").is_file()


def test_child_process_imports_the_package_from_any_folder(awkward):
    code = "import mammo_core; print(mammo_core.__version__)"

    done = subprocess.run([sys.executable, "-c", code], env=child_environment(), timeout=60)

    assert done.returncode == 0


@pytest.fixture
def misleading(tmp_path, monkeypatch):
    """A working folder whose folders have names of modules that the decoders ask for."""
    for name in ("dl", "gdcm", "numpy"):
        (tmp_path / "work" / name).mkdir(parents=True)
        (tmp_path / "work" / name / "__init__.py").write_text(
            "raise AssertionError('wrong module')"
        )
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_folders_named_like_modules_are_not_taken_for_them(misleading):
    compressed = misleading / "a.dcm"
    dataset = dcmread(get_testdata_file("MR_small_jp2klossless.dcm"))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.save_as(compressed)
    command = [
        sys.executable,
        "-m",
        "mammo_core",
        "data",
        "import",
        "dicom",
        str(compressed.parent),
    ]

    seen = read_safely(compressed, name="a.dcm").stored
    done = subprocess.run(
        [*command, "--labels", "missing.csv", "--name", "site"],
        env={**os.environ, "PYTHONPATH": str(app_dir())},
        stderr=subprocess.PIPE,
        text=True,
    )

    assert seen.shape == (64, 64)
    assert (done.returncode, "missing.csv" in done.stderr) == (2, True), done.stderr


def test_images_are_read_from_an_awkward_path(awkward):
    path = awkward / "it's ü.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)

    assert read_safely(path, name=path.name).stored.shape == (8, 8)


@pytest.mark.slow
def test_jobs_runs_and_exports_work_in_an_awkward_home(awkward):
    home = awkward / "home"
    queue = JobQueue(home, dask_executor.DaskExecutors())
    try:
        request = sweep_request(
            write_cohort(awkward / "it's a cohort"), seeds=(1,), epsilons=(6.0,)
        )
        view = wait_until_over(queue, queue.start(request, "ana").id, 240)
    finally:
        queue.close()
    assert view.state == "finished", view
    package = awkward / "Jürgen's runs.zip"
    run_ids = RunArchive(home).rows()["run_id"].unique()
    package.write_bytes(export_runs(home, run_ids))

    imported = import_runs(package, awkward / "another's home")

    assert len(imported) == len(run_ids) == 1
