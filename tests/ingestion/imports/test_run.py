"""What holds for every import: both cores, resumption, nothing half done found, nothing lost."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.cohorts.folders import read_real
from mammo_core.cohorts.installed import find_sources
from mammo_core.config.runs import to_dict
from mammo_core.errors import IngestionError, StoreError
from mammo_core.ingestion.imports import run as importing
from mammo_core.ingestion.imports.cohort_writer import discard_partial, open_cohort, partial_folder
from mammo_core.ingestion.imports.cutting import cut_task
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.run import run_import
from mammo_core.ingestion.imports.splitting import SplitPlan
from mammo_core.ingestion.markers import read_marker
from tests.ingestion.images.made_dicom import made
from tests.ingestion.imports.made_imports import PLACES, mammogram, write, write_table

ROOT = Path(__file__).parents[3]
TOP, LEFT, HEIGHT, WIDTH = PLACES[0]


def make_source(folder, count=6):
    """DICOM files of `count` patients with a table of labels and boxes."""
    rows = []
    for number in range(count):
        uid = f"1.2.826.0.1.{number}"
        write(
            folder / "dicom" / f"{number}.dcm",
            made(mammogram(number), PatientID=f"P{number}", SOPInstanceUID=uid),
        )
        rows.append([f"{number}.dcm", number % 2, LEFT, TOP, WIDTH, HEIGHT])
    write_table(folder / "labels.csv", ["file", "label", "x", "y", "width", "height"], rows)
    return ImportPlan(
        kind="dicom",
        source=folder / "dicom",
        labels=folder / "labels.csv",
        name="own",
        split=SplitPlan(val_share=0.3, test_share=0.3),
    )


@pytest.fixture
def plan(tmp_path):
    return make_source(tmp_path / "source")


@pytest.fixture
def run(tmp_path):
    """Imports with one process into the test's own folders."""
    return lambda plan, **settings: run_import(
        plan, tmp_path / "data", tmp_path / "home", **{"workers": 1, **settings}
    )


def contents(folder):
    """All masses and their metadata, by name."""
    files = [path for path in folder.rglob("*") if path.suffix in (".png", ".csv")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def stopping_after(count):
    """Callbacks that stop an import after so many images of six."""
    done = [(0, 0)]
    return {
        "on_progress": lambda now, total: done.append((now, total)),
        "should_stop": lambda: done[-1] == (count, 6) and len(done) > 6,
    }


def test_real_processes_import_the_same_as_one_that_is_played(tmp_path, plan, run, request):
    real = run(plan, workers=2)
    kept = real.folder.rename(tmp_path / "kept")
    request.getfixturevalue("in_process")

    assert contents(run(plan).folder) == contents(kept)
    assert real.num_masses == 6


@pytest.mark.usefixtures("in_process")
def test_stopped_import_is_hidden_and_goes_on_where_it_was(tmp_path, plan, run, monkeypatch):
    whole = contents(run(plan).folder.rename(tmp_path / "whole"))
    stopped = run(plan, **stopping_after(2))
    partial = partial_folder(tmp_path / "data", "own")

    assert (stopped.folder, stopped.num_masses) == (None, 2)
    assert find_sources(tmp_path / "data")[0].is_demo
    first = {path.name: path.stat().st_mtime_ns for path in partial.rglob("*.png")}
    cut = []
    monkeypatch.setattr(importing, "cut_task", lambda *task: cut.append(1) or cut_task(*task))

    report = run(plan)

    assert len(cut) == 4  # none of the two is opened again
    assert contents(report.folder) == whole
    now = {path.name: path.stat().st_mtime_ns for path in report.folder.rglob("*.png")}
    assert first.items() <= now.items()
    assert not partial.exists()


@pytest.mark.usefixtures("in_process")
def test_crash_between_mass_and_journal_is_mended(tmp_path, plan, run):
    run(plan, **stopping_after(3))
    partial = partial_folder(tmp_path / "data", "own")
    journal = partial / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1] + lines[2][:40])  # the last line cut short
    stray = partial / "own/train/is_benign_true/patientpx_imageix_mass1_is_benign_1.png"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"written, not noted, and skipped ever after")
    lost = partial / json.loads(lines[0])["masses"][0]["file"]
    lost.unlink()

    report = run(plan)

    assert report.num_masses == 6
    reading = read_real(report.folder)
    assert (len(reading.cohort), reading.skipped) == (6, [])
    rows = (report.folder / "metadata.csv").read_text().splitlines()
    assert len(rows) == 7


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("change", ["recipe", "seed", "label", "new image"])
def test_changed_plan_or_data_does_not_mix_with_what_was_begun(tmp_path, plan, run, change):
    run(plan, **stopping_after(2))
    before = contents(partial_folder(tmp_path / "data", "own"))
    match change:
        case "recipe":
            plan = replace(plan, recipe=replace(plan.recipe, margin_share=0.5))
        case "seed":
            plan = replace(plan, split=replace(plan.split, seed=1))
        case "label":
            plan.labels.write_text(plan.labels.read_text().replace("0.dcm,0", "0.dcm,1"))
        case "new image":
            file = made(mammogram(9), PatientID="P9", SOPInstanceUID="1.2.826.0.1.9")
            write(plan.source / "9.dcm", file)
            plan.labels.write_text(plan.labels.read_text() + f"9.dcm,1,{LEFT},{TOP},9,9\n")

    with pytest.raises(IngestionError, match="don't mix. Repeat the first one, start over"):
        run(plan)

    assert contents(partial_folder(tmp_path / "data", "own")) == before
    assert discard_partial(tmp_path / "data", "own")
    assert run(plan).folder


@pytest.mark.usefixtures("in_process")
def test_taken_name_is_refused_and_nothing_is_lost(tmp_path, plan, run):
    report = run(plan)
    before = contents(report.folder)

    with pytest.raises(IngestionError, match="Expected a name that is free; own exists already"):
        run(plan)

    assert contents(report.folder) == before
    (tmp_path / "data/file").write_text("somebody's")
    with pytest.raises(IngestionError, match="file exists already"):
        run(replace(plan, name="file"))


@pytest.mark.usefixtures("in_process")
def test_folder_of_somebody_else_is_never_taken_for_a_partial_import(tmp_path, plan, run):
    foreign = write(partial_folder(tmp_path / "data", "own") / "thesis.txt", b"years of work")

    with pytest.raises(IngestionError, match="is not. Move it away"):
        run(plan)

    assert not discard_partial(tmp_path / "data", "own")
    assert foreign.read_bytes() == b"years of work"


def test_two_imports_of_one_name_do_not_meet(tmp_path):
    with open_cohort(tmp_path, "own", "plan"):
        for _ in range(2):
            with (
                pytest.raises(IngestionError, match="another import is at it"),
                open_cohort(tmp_path, "own", "plan"),
            ):
                pass
        with pytest.raises(IngestionError, match="another import is at it"):
            discard_partial(tmp_path, "own")
    with open_cohort(tmp_path, "own", "plan"):
        pass


@pytest.mark.usefixtures("in_process")
def test_nothing_but_the_cohort_remains_in_the_folder_of_the_data(tmp_path, plan, run):
    folder = run(plan).folder

    assert [path.name for path in (tmp_path / "data").iterdir()] == ["own"]
    assert {path.name for path in folder.iterdir()} == {"own", "metadata.csv", "import.json"}


@pytest.mark.usefixtures("in_process")
def test_links_to_files_are_followed(tmp_path, plan, run):
    store = tmp_path / "store"
    plan.source.rename(store)
    plan.source.mkdir()
    for path in store.iterdir():
        (plan.source / path.name).symlink_to(path)

    assert run(plan).num_masses == 6


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_disk_that_refuses_is_explained_and_what_was_done_is_kept(
    tmp_path, plan, run, monkeypatch, code
):
    written = []

    def failing(path, content):
        written.append(path)
        if len(written) == 4:
            raise OSError(code, os.strerror(code))
        with path.open("wb") as file:
            file.write(content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing)
        with pytest.raises(StoreError, match="Expected to write .*; got: "):
            run(plan)
    assert find_sources(tmp_path / "data")[0].is_demo

    assert run(plan).num_masses == 6


@pytest.mark.usefixtures("in_process")
def test_the_new_cohort_carries_its_mark_with_plan_and_counts(plan, run):
    report = run(plan)

    name, values = read_marker(report.folder)
    assert name == "import.json"
    assert values["plan"]["kind"] == "dicom"
    assert "source" not in values["plan"]
    assert (values["num_masses"], values["num_patients"]) == (6, 6)
    assert sum(count["masses"] for count in values["counts"]) == 6
    assert values["use"].startswith("research use only")


def test_killed_import_goes_on_from_its_journal(tmp_path):
    plan = make_source(tmp_path / "source", count=30)
    (tmp_path / "plan.json").write_text(json.dumps(to_dict(plan)))
    code = (
        "import json, sys; from pathlib import Path\n"
        "from mammo_core.ingestion.imports.run import run_import\n"
        "from mammo_core.config.from_dict import from_dict\n"
        "from mammo_core.ingestion.imports.plan import ImportPlan\n"
        "plan = from_dict(ImportPlan, json.loads(Path(sys.argv[1], 'plan.json').read_text()))\n"
        "run_import(plan, Path(sys.argv[1], 'data'), Path(sys.argv[1], 'home'), workers=2)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    journal = partial_folder(tmp_path / "data", "own") / "journal.jsonl"
    deadline = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in journal.parent.rglob("*.png")}
    noted = journal.read_text().count("\n")
    assert 3 <= noted < 30

    report = run_import(plan, tmp_path / "data", tmp_path / "home", workers=2)

    assert report.num_masses == 30
    reading = read_real(report.folder)
    assert len(reading.cohort) == 30
    now = {path.name: path.stat().st_mtime_ns for path in report.folder.rglob("*.png")}
    unchanged = sum(now[name] == changed for name, changed in kept.items() if name in now)
    assert unchanged >= noted
