"""The paper's data fetched from an address, a ZIP file or a folder: whole and as listed, or not at all."""

import json

import pytest
from filelock import FileLock

from mammo_core.cohorts.folders import read_real, read_synthetic
from mammo_core.cohorts.installed import find_sources
from mammo_core.errors import IngestionError, StoreError
from mammo_core.ingestion.download import answers, download, paper_data, paper_files
from mammo_core.ingestion.download.paper_data import FetchPlan, run_fetch
from mammo_core.ingestion.download.paper_files import TERMS
from tests.ingestion.download.paper_copies import (
    broken_off,
    listed,
    repository_zip,
    served,
    silent,
    status,
    tiny_files,
    whole,
)

FILES = tiny_files()
ARCHIVE = repository_zip(FILES)


@pytest.fixture(autouse=True)
def tiny_list(monkeypatch):
    monkeypatch.setattr(paper_files, "load_paper_files", lambda: listed(FILES))
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(answers, "POLL_SECONDS", 0.02)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def content_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")
    }


def nothing_unfinished(data):
    return {path.name for path in (data / ".incoming").iterdir()} <= {"fetch.lock"}


def from_address(answer, data, **options):
    with served(answer) as server:
        return run_fetch(FetchPlan(source=server.url), data, **options)


def test_fetched_data_are_found_as_real_and_synthetic_cohort(data):
    report = from_address(whole(ARCHIVE), data)

    assert (report.num_files, report.was_there) == (len(FILES), False)
    assert content_of(data / "mammo_dp") == FILES
    source = find_sources(data)[0]
    assert len(read_real(source.real).cohort) == 16
    assert len(read_synthetic(source.synthetic).cohort) == 2
    assert nothing_unfinished(data)


def test_terms_and_origin_are_kept_beside_the_data(data):
    with served(whole(ARCHIVE)) as server:
        run_fetch(FetchPlan(source=server.url + "?token=secret"), data)

    made = json.loads((data / "mammo_dp" / "fetch.json").read_text())
    assert (data / "mammo_dp" / "LICENCES.md").read_text() == TERMS
    assert made["num_files"] == len(FILES)
    assert made["source"] == server.url
    assert "secret" not in json.dumps(made)


def test_progress_tells_bytes_then_files(data):
    told = []

    from_address(whole(ARCHIVE), data, on_progress=lambda *now: told.append(now))

    names = [what.split(":")[0] for _, _, what in told]
    assert list(dict.fromkeys(names)) == [
        "Downloading",
        "Unpacking files",
        "Comparing every file with the list",
    ]
    assert (len(FILES), len(FILES), "Unpacking files") in told


def test_fetching_again_does_nothing(data):
    from_address(whole(ARCHIVE), data)

    again = from_address(status(500), data)

    assert again.was_there


def test_masses_of_bcdr_can_be_left_out(data):
    with served(whole(ARCHIVE)) as server:
        run_fetch(FetchPlan(source=server.url, includes_bcdr=False), data)

    assert set(content_of(data / "mammo_dp")) == {name for name in FILES if "bcdr" not in name}


@pytest.mark.parametrize("top", ["", "mammo_dp-main/"])
def test_copies_on_this_computer_are_taken(tmp_path, data, top):
    archive = tmp_path / "copy.zip"
    archive.write_bytes(repository_zip(FILES, top))
    for name, content in FILES.items():
        path = tmp_path / "folder" / top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    for number, source in enumerate((archive, tmp_path / "folder")):
        run_fetch(FetchPlan(source=str(source)), data / str(number))
        assert content_of(data / str(number) / "mammo_dp") == FILES
    assert archive.exists()


def test_links_in_a_copied_folder_are_not_followed(tmp_path, data):
    *others, (last, content) = FILES.items()
    for name, other in others:
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(other)
    (tmp_path / "elsewhere.png").write_bytes(content)
    (tmp_path / "folder" / last).symlink_to(tmp_path / "elsewhere.png")

    with pytest.raises(IngestionError, match="1 of 2 missing or changed"):
        run_fetch(FetchPlan(source=str(tmp_path / "folder")), data)


def test_nothing_at_a_path_says_what_to_put_there(tmp_path, data):
    with pytest.raises(
        IngestionError, match="Download https://github.com/RichardObi/mammo_dp/archive"
    ):
        run_fetch(FetchPlan(source=str(tmp_path / "nothing.zip")), data)


def changed(name, content):
    return FILES | {name: content}


FIRST, *_, LAST = FILES


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (changed(FIRST, b"other"), "cbis-ddsm/train/: 1 of 4 missing or changed, 1 not"),
        ({name: FILES[name] for name in list(FILES)[1:]}, "train/: 1 of 4 missing or changed, 0"),
        (changed(FIRST.replace("train0", "train99"), FILES[FIRST]), "train/: 0 of 4 .* 1 not on"),
        (changed(FIRST, FILES[LAST]) | {LAST: FILES[FIRST]}, "c-dcgan/: 1 of 2 missing"),
        ({}, "c-dcgan/: 2 of 2 missing"),
    ],
)
def test_every_file_must_be_as_listed(data, files, said):
    archive = repository_zip(files)

    with pytest.raises(IngestionError, match=said):
        from_address(whole(archive), data)

    assert not (data / "mammo_dp").exists()
    assert nothing_unfinished(data)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            status(200, b"<html>log in</html>", Content_Type="text/html; charset=utf-8"),
            "got a page",
        ),
        (
            status(200, b"<html>log in</html>", Content_Type="application/zip"),
            "damaged or cut short",
        ),
        (status(200, ARCHIVE[: len(ARCHIVE) // 2]), "damaged or cut short"),
        (status(200, b""), "damaged or cut short"),
        (broken_off(ARCHIVE, 5, Content_Length=5), "damaged or cut short"),
        (status(403), "status 403"),
    ],
)
def test_failure_leaves_what_is_installed_and_the_next_try_begins_clean(data, answer, said):
    before = content_of(data / "mammo_dp")
    (data / "mine").mkdir(parents=True)

    with pytest.raises(IngestionError, match=said):
        from_address(answer, data)

    assert content_of(data / "mammo_dp") == before
    assert nothing_unfinished(data)
    assert from_address(whole(ARCHIVE), data).num_files == len(FILES)


def test_damaged_fetch_is_replaced_and_kept_if_that_fails(data):
    from_address(whole(ARCHIVE), data)
    (data / "mammo_dp" / FIRST).write_bytes(b"damaged")

    with pytest.raises(IngestionError):
        from_address(status(404), data)
    assert content_of(data / "mammo_dp") == changed(FIRST, b"damaged")

    assert not from_address(whole(ARCHIVE), data).was_there
    assert content_of(data / "mammo_dp") == FILES


def test_folder_that_someone_put_there_is_never_touched(data):
    own = data / "mammo_dp" / "own.txt"
    own.parent.mkdir(parents=True)
    own.write_text("own")

    with pytest.raises(IngestionError, match="found one that someone put there"):
        from_address(whole(ARCHIVE), data)

    assert own.read_text() == "own"


def test_stopped_fetch_goes_on_in_the_next_call(data):
    half = len(ARCHIVE) // 2
    (data / ".incoming").mkdir(parents=True)

    def has_half():
        return sum(part.stat().st_size for part in (data / ".incoming").glob("*.part")) > half // 2

    with served(silent(ARCHIVE, half), whole(ARCHIVE)) as server:
        plan = FetchPlan(source=server.url)
        assert run_fetch(plan, data, should_stop=has_half) is None
        assert not (data / "mammo_dp").exists()
        report = run_fetch(plan, data)

    assert server.asked[1] is not None
    assert content_of(report.folder) == FILES


@pytest.mark.parametrize("stage", ["Unpacking", "Comparing"])
def test_stopping_while_unpacking_loses_no_download(data, stage):
    stopping = []

    def watch(done, total, what):
        if what.startswith(stage):
            stopping.append(True)

    with served(whole(ARCHIVE)) as server:
        plan = FetchPlan(source=server.url)
        assert run_fetch(plan, data, on_progress=watch, should_stop=lambda: bool(stopping)) is None
        assert not (data / "mammo_dp").exists()
        run_fetch(plan, data)

    assert len(server.asked) == 1
    assert nothing_unfinished(data)


def test_two_fetches_at_once_are_one_too_many(data):
    (data / ".incoming").mkdir(parents=True)

    with (
        FileLock(data / ".incoming" / "fetch.lock"),
        pytest.raises(IngestionError, match="under way"),
    ):
        from_address(whole(ARCHIVE), data)


def test_folder_of_data_that_cannot_be_written_is_explained(data):
    data.write_text("a file")

    with pytest.raises(StoreError, match="Expected to write"):
        from_address(whole(ARCHIVE), data)


@pytest.mark.real_data
def test_shipped_list_is_that_of_the_real_files(monkeypatch, tmp_path, real_data):
    monkeypatch.undo()
    synthetic = real_data / "synthetic_mcgan"
    if not synthetic.is_dir():
        pytest.skip("the synthetic masses are elsewhere")
    repository = tmp_path / "repository"
    (repository / paper_files.ROOTS[1]).parent.mkdir(parents=True)
    (repository / paper_files.ROOTS[0]).symlink_to(real_data / "dataset16062024")
    (repository / paper_files.ROOTS[1]).symlink_to(synthetic)

    report = paper_data.run_fetch(FetchPlan(source=str(repository)), tmp_path / "data")

    assert report.num_files == 5804
    source = find_sources(tmp_path / "data")[0]
    assert source.real.name == "dataset16062024" and source.synthetic is not None


def test_list_gives_away_no_name():
    text = (paper_files._LIST).read_text()

    assert "patient" not in text and "batch" not in text
    assert len(text.splitlines()) == 5805
