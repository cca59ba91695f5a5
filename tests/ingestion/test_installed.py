"""What is installed, and removing it: only what this program put there, nothing else, no link followed."""

import json
import os
import time

import pytest

from mammo_core.cohorts.installed import find_sources
from mammo_core.errors import IngestionError
from mammo_core.ingestion.download import paper_files
from mammo_core.ingestion.download.paper_data import FetchPlan, run_fetch
from mammo_core.ingestion.installed import (
    disk_use,
    installed_cohorts,
    remove_cohort,
    sweep_incoming,
)
from mammo_core.ingestion.markers import IMPORTED, write_marker
from tests.helpers.jobs import write_cohort
from tests.ingestion.download.paper_copies import listed, repository_zip, tiny_files

FILES = tiny_files()


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of data with three cohorts: fetched, imported, and put there by hand."""
    monkeypatch.setattr(paper_files, "load_paper_files", lambda: listed(FILES))
    data = tmp_path / "data"
    (tmp_path / "copy.zip").write_bytes(repository_zip(FILES))
    run_fetch(FetchPlan(source=str(tmp_path / "copy.zip")), data)
    write_cohort(data / "mine")
    write_cohort(data / "clinic")
    write_marker(data / "clinic", IMPORTED, {"kind": "dicom"})
    return data


def test_cohorts_are_listed_with_kind_counts_and_origin(data):
    listed_cohorts = {cohort.name: cohort for cohort in installed_cohorts(data)}

    told = {
        name: (cohort.source, cohort.num_masses, cohort.num_patients, cohort.origin)
        for name, cohort in listed_cohorts.items()
    }
    assert told == {
        "clinic": ("real", 36, 36, "imported"),
        "mine": ("real", 36, 36, "found"),
        "mammo_dp/dataset16062024": ("real", 16, 16, "fetched"),
        "mammo_dp/extension/synthetic_data/cbis-ddsm/c-dcgan": ("synthetic", 2, 0, "fetched"),
    }
    assert listed_cohorts["clinic"].details["kind"] == "dicom"


def test_disk_use_is_that_of_all_files_and_not_of_links(tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_bytes(bytes(1000))
    (folder / "b").write_bytes(bytes(10))
    (tmp_path / "large").write_bytes(bytes(10**6))
    (folder / "link").symlink_to(tmp_path / "large")
    (folder / "round").symlink_to(folder)

    assert disk_use(folder) == 1010


def test_linked_cohort_takes_the_room_of_its_masses_and_frees_none(data, tmp_path):
    write_cohort(tmp_path / "elsewhere")
    (data / "linked").symlink_to(tmp_path / "elsewhere")

    (linked,) = (cohort for cohort in installed_cohorts(data) if cohort.name == "linked")

    assert linked.num_bytes == disk_use(tmp_path / "elsewhere") > 0
    assert linked.home_bytes == 0


def test_nothing_is_installed_where_there_is_no_folder(tmp_path):
    assert installed_cohorts(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["mammo_dp/dataset16062024", "clinic"])
def test_what_the_program_put_there_is_removed_whole(data, name):
    removed = remove_cohort(name, data)

    assert not removed.home.exists()
    assert name not in {cohort.name for cohort in installed_cohorts(data)}
    assert "mine" in {cohort.name for cohort in installed_cohorts(data)}
    assert list((data / ".incoming").glob("removed-*")) == []


def test_what_someone_put_there_stays_and_the_message_says_how(data):
    with pytest.raises(IngestionError, match=f"someone else put mine there.*{data / 'mine'}"):
        remove_cohort("mine", data)

    assert (data / "mine" / "site").is_dir()


def test_unknown_names_and_paths_are_refused(data):
    for name in ("nothing", "../data", "..", "", "/", "clinic/..", "clinic/site"):
        with pytest.raises(IngestionError, match="Expected one of: clinic"):
            remove_cohort(name, data)
    assert len(installed_cohorts(data)) == 4


def test_mark_of_another_program_does_not_count(data):
    (data / "mine" / "import.json").write_text(json.dumps({"made_by": "somebody"}))

    with pytest.raises(IngestionError, match="someone else"):
        remove_cohort("mine", data)


def test_linked_cohort_is_never_removed_through_the_link(data, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (data / "clinic").rename(elsewhere)
    (data / "link").symlink_to(elsewhere)

    with pytest.raises(IngestionError, match="someone else put link there"):
        remove_cohort("link", data)

    assert (elsewhere / "site").is_dir()


def test_cohort_below_a_linked_folder_is_never_removed(data, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (data / "clinic").rename(elsewhere / "clinic")
    (data / "link").symlink_to(elsewhere)

    with pytest.raises(IngestionError, match="someone else put link/clinic there"):
        remove_cohort("link/clinic", data)

    assert (elsewhere / "clinic" / "site").is_dir()


def test_links_inside_a_removed_cohort_are_not_followed(data, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("precious")
    (data / "clinic" / "link").symlink_to(tmp_path / "precious")

    remove_cohort("clinic", data)

    assert (tmp_path / "precious" / "file").read_text() == "precious"


def test_folder_that_is_a_cohort_itself_is_never_removed(data):
    write_cohort(data)
    write_marker(data, IMPORTED, {})

    with pytest.raises(IngestionError, match="someone else"):
        remove_cohort(".", data)

    assert find_sources(data)[0].real == data


def test_forgotten_things_are_swept_and_fresh_ones_kept(data):
    incoming = data / ".incoming"
    old = time.time() - 25 * 3600
    for name in ("upload-old", "upload-fresh", "removed-fresh"):
        (incoming / name).mkdir()
        (incoming / name / "file").write_text("x")
    for path in (incoming / "upload-old" / "file", incoming / "old.zip.part"):
        path.write_text("x")
        os.utime(path, (old, old))
    os.utime(incoming / "upload-old", (old, old))
    os.utime(incoming / "fetch.lock", (old, old))

    sweep_incoming(data)

    assert {path.name for path in incoming.iterdir()} == {"fetch.lock", "upload-fresh"}


def test_sweeping_follows_no_link(data, tmp_path):
    (tmp_path / "precious").mkdir()
    (data / ".incoming" / "removed-link").symlink_to(tmp_path / "precious")

    sweep_incoming(data)

    assert (tmp_path / "precious").is_dir()
    assert not (data / ".incoming" / "removed-link").is_symlink()
    sweep_incoming(tmp_path / "nowhere")
