"""A home keeps the files of its runs wherever it is moved to, and whatever its path holds."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mammo_core.storage.mlflow_store import (
    database_address,
    open_experiment,
    read_artefact,
    write_artefact,
)

ODD_NAMES = ["a%20b%", "wh?at", "ha#sh", "two words", "Übermaß", "a&b=c;d@e:f", "$HOME 'x' \"y\""]


def keep(home: Path, content: bytes) -> str:
    """Keeps a file with a new run; returns the run's id."""
    client, experiment_id = open_experiment(home, "files")
    run_id = client.create_run(experiment_id).info.run_id
    write_artefact(client, run_id, "a file.bin", content)
    return run_id


def kept(home: Path, run_id: str) -> bytes:
    client, _ = open_experiment(home, "files")
    return read_artefact(client, run_id, "a file.bin")


def files_of(home: Path, run_id: str) -> Path:
    return home / "artifacts" / run_id / "artifacts"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_path_holds_a_home_and_nothing_is_written_beside_it(tmp_path, monkeypatch, name):
    home, working = tmp_path / name / "home", tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)

    run_id = keep(home, b"content")

    assert kept(home, run_id) == b"content"
    client, _ = open_experiment(home, "files")
    assert [item.path for item in client.list_artifacts(run_id)] == ["a file.bin"]
    assert (files_of(home, run_id) / "a file.bin").read_bytes() == b"content"
    assert {path.name for path in home.iterdir()} == {"mlflow.db", "artifacts"}
    assert {path.name for path in tmp_path.iterdir()} == {name, "working"}
    assert list((tmp_path / name).iterdir()) == [home]
    assert not list(working.iterdir())


@pytest.mark.parametrize("name", ODD_NAMES)
def test_mlflow_opens_the_address_and_finds_the_files(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    home = tmp_path / name

    run_id = keep(home, b"content")

    client = MlflowClient(database_address(home))
    assert Path(client.download_artifacts(run_id, "a file.bin")).read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [home]


def test_a_moved_home_is_read_and_written_in_its_new_place(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new 100%"
    before = keep(old, b"before")
    old.rename(new)

    after = keep(new, b"after")

    assert kept(new, before) == b"before"
    assert kept(new, after) == b"after"
    client, _ = open_experiment(new, "files")
    write_artefact(client, before, "more.bin", b"more")  # to a run made before the move
    assert {item.path for item in client.list_artifacts(before)} == {"a file.bin", "more.bin"}
    assert not old.exists()
    by_mlflow = MlflowClient(database_address(new)).download_artifacts(after, "a file.bin")
    assert Path(by_mlflow).read_bytes() == b"after"


def test_a_copy_of_a_home_leaves_the_original_alone(tmp_path):
    original, copy = tmp_path / "original", tmp_path / "copy"
    run_id = keep(original, b"first")
    shutil.copytree(original, copy)
    client, _ = open_experiment(copy, "files")

    write_artefact(client, run_id, "a file.bin", b"second")
    keep(copy, b"third")

    assert kept(copy, run_id) == b"second"
    assert kept(original, run_id) == b"first"
    assert len(list((original / "artifacts").iterdir())) == 1


def test_one_home_under_two_paths_is_written_in_one_place(tmp_path):
    """As a container and its host see it, both at work."""
    home, other = tmp_path / "home", tmp_path / "mounted"
    first = keep(home, b"first")
    other.symlink_to(home)

    second = keep(other, b"second")
    third = keep(home, b"third")

    for seen in (home, other):
        assert [kept(seen, run) for run in (first, second, third)] == [
            b"first",
            b"second",
            b"third",
        ]


def test_files_that_earlier_versions_left_in_the_old_place_are_read(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    run_id = keep(old, b"left behind")
    old.rename(new)
    files_of(old, run_id).parent.mkdir(parents=True)
    files_of(new, run_id).rename(files_of(old, run_id))
    files_of(new, run_id).parent.rmdir()

    assert kept(new, run_id) == b"left behind"


def test_a_run_without_its_files_says_so(tmp_path):
    run_id = keep(tmp_path / "home", b"content")
    shutil.rmtree(files_of(tmp_path / "home", run_id))

    with pytest.raises(MlflowException, match="No such artifact"):
        kept(tmp_path / "home", run_id)


def test_files_that_a_user_keeps_elsewhere_stay_there(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "large disk"
    client, _ = open_experiment(home, "other")
    client.create_experiment("files", artifact_location=elsewhere.as_uri())

    run_id = keep(home, b"content")

    assert (elsewhere / run_id / "artifacts" / "a file.bin").read_bytes() == b"content"
    assert kept(home, run_id) == b"content"
    assert not (home / "artifacts").exists()


def test_a_server_decides_the_places_itself(tmp_path, monkeypatch):
    """`MLFLOW_TRACKING_URI` may even name the database of a home."""
    old, new = tmp_path / "old", tmp_path / "new"
    keep(old, b"before")
    old.rename(new)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database_address(new))

    run_id = keep(tmp_path / "another home", b"content")

    assert files_of(old, run_id).is_dir()
    with closing(sqlite3.connect(new / "mlflow.db")) as database:
        places = database.execute("select artifact_location from experiments").fetchall()
    assert ((old / "artifacts").as_uri(),) in places
