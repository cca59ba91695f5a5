"""Fetching and importing as jobs: done, cancelled in time, continued."""

import csv
import io
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from mammo_core.cohorts.folders import read_real
from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.download import answers, paper_files
from mammo_core.ingestion.download.paper_data import FetchPlan
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.uploads import discard_upload, keep_upload, new_upload
from mammo_core.jobs.queue import JobQueue
from mammo_core.jobs.requests import FetchRequest, ImportRequest, request_from_dict
from tests.helpers.jobs import ThreadExecutors, wait_for, wait_until_over
from tests.ingestion.download.paper_copies import (
    SILENT_SECONDS,
    listed,
    repository_zip,
    served,
    silent,
    status,
    tiny_files,
    whole,
    without_length,
)

FILES = tiny_files()
ARCHIVE = repository_zip(FILES)


@pytest.fixture(autouse=True)
def tiny_list(monkeypatch):
    monkeypatch.setattr(paper_files, "load_paper_files", lambda: listed(FILES))
    monkeypatch.setattr(answers, "POLL_SECONDS", 0.02)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = JobQueue(tmp_path_factory.mktemp("home"), ThreadExecutors())
    yield engine
    engine.close()


def fetch_request(url, data):
    return FetchRequest(plan=FetchPlan(source=url), data_dir=data)


def write_pictures(folder, patients=12):
    """Twelve grey pictures with one boxed mass each, and their table."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "patient", "label"])
        for patient in range(patients):
            name = f"{patient}.png"
            grey = rng.integers(0, 256, (160, 160), dtype=np.uint8)
            Image.fromarray(grey).save(folder / name)
            table.writerow([name, f"P{patient}", ("benign", "malignant")[patient % 2]])


def import_request(folder, data):
    plan = ImportPlan(kind="pictures", source=folder, name="clinic", labels=folder / "labels.csv")
    return ImportRequest(plan=plan, data_dir=data)


def test_fetch_is_done_and_tells_how_far_it_is(engine, tmp_path):
    with served(whole(ARCHIVE)) as server:
        job = engine.start(fetch_request(server.url, tmp_path / "data"), "ana")
        job = wait_until_over(engine, job.id)

    assert (job.state, job.request.title) == ("finished", "The paper's data")
    assert job.progress.message == "Every file came, as published"
    assert job.progress.total == len(FILES)
    assert len(read_real(tmp_path / "data" / "mammo_dp" / "dataset16062024").cohort) == 16


def test_fetch_that_fails_says_why(engine, tmp_path):
    with served(status(404)) as server:
        job = wait_until_over(
            engine, engine.start(fetch_request(server.url, tmp_path / "data"), "ana").id
        )

    assert job.state == "failed"
    assert "got status 404" in job.error


def test_fetch_from_a_silent_server_is_cancelled_while_it_is_silent_and_continued(engine, tmp_path):
    with served(silent(ARCHIVE, len(ARCHIVE) // 2), whole(ARCHIVE)) as server:
        job = engine.start(fetch_request(server.url, tmp_path / "data"), "ana")
        wait_for(
            lambda: engine.store.view(job.id),
            lambda view: view.progress.message.startswith("Downloading"),
        )
        asked = time.monotonic()
        engine.cancel(job.id)
        cancelled = wait_until_over(engine, job.id)
        took = time.monotonic() - asked
        engine.resume(job.id)
        continued = wait_until_over(engine, job.id)

    assert (cancelled.state, continued.state) == ("cancelled", "finished")
    assert took < SILENT_SECONDS
    assert server.asked[1] == f"bytes={len(ARCHIVE) // 2}-"


def test_download_that_had_to_begin_anew_says_so(engine, tmp_path):
    def cut(handler):
        handler.head(200, Transfer_Encoding="chunked")
        handler.wfile.write(b"3e8\r\n" + ARCHIVE[:1000] + b"\r\n")

    with served(cut, without_length(ARCHIVE)) as server:
        job = engine.start(fetch_request(server.url, tmp_path / "data"), "ana")
        job = wait_until_over(engine, job.id)

    assert "it begins anew" in job.progress.message


def test_import_is_done_and_read_back(engine, tmp_path):
    write_pictures(tmp_path / "pictures")
    job = engine.start(import_request(tmp_path / "pictures", tmp_path / "data"), "ana")

    job = wait_until_over(engine, job.id)

    assert job.state == "finished", job.error
    assert job.progress.message == "Cut 12 masses"
    assert read_real(tmp_path / "data" / "clinic").cohort.num_patients == 12
    assert (tmp_path / "pictures" / "0.png").exists()


def test_a_finished_import_forgets_where_the_files_were(engine, tmp_path):
    folder = tmp_path / "Doe, Jane 1961"
    write_pictures(folder)
    job = engine.start(import_request(folder, tmp_path / "data"), "ana")

    job = wait_until_over(engine, job.id)

    assert job.state == "finished", job.error
    assert job.request.plan.name == "clinic"
    assert "Jane" not in str(job.request.to_dict())


def test_an_import_of_nothing_names_no_file_in_the_store(engine, tmp_path):
    folder = tmp_path / "pictures"
    write_pictures(folder)
    for path in folder.glob("*.png"):
        path.write_bytes(b"Doe, Jane")
    job = engine.start(import_request(folder, tmp_path / "data"), "ana")

    job = wait_until_over(engine, job.id)

    assert job.state == "failed"
    assert "nothing is left after leaving out" in job.error
    assert "0.png" not in job.error


def test_upload_is_deleted_once_it_is_imported(engine, tmp_path):
    data = tmp_path / "data"
    write_pictures(tmp_path / "pictures")
    upload = new_upload(data)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (tmp_path / "pictures").glob("*.png"):
            archive.write(path, path.name)
    source = keep_upload(upload, "source.zip", packed.getbuffer())
    table = (tmp_path / "pictures" / "labels.csv").read_bytes()
    labels = keep_upload(upload, "labels.csv", memoryview(table))
    plan = ImportPlan(kind="pictures", source=source, name="clinic", labels=labels)

    job = engine.start(ImportRequest(plan=plan, data_dir=data), "ana")
    job = wait_until_over(engine, job.id)

    assert job.state == "finished", job.error
    assert not upload.exists()
    assert read_real(data / "clinic").cohort.num_patients == 12


def test_only_uploads_are_deleted_after_an_import(tmp_path):
    data = tmp_path / "data"
    upload = new_upload(data)
    own = tmp_path / "upload-own" / "file.zip"
    own.parent.mkdir()
    own.write_text("own")

    discard_upload(own, data)
    discard_upload(data / ".incoming" / "anything", data)
    assert own.exists() and upload.is_dir()
    discard_upload(upload / "source.zip", data)
    assert not upload.exists()


def test_requests_travel_as_json(tmp_path):
    for request in (
        fetch_request("https://example.org/a.zip", tmp_path),
        import_request(tmp_path / "x", tmp_path),
    ):
        assert request_from_dict(request.to_dict()) == request


def test_request_of_another_version_is_refused(tmp_path):
    for values in ({"kind": "nonsense"}, {}, {"kind": "fetch", "plan": {"where": "?"}}):
        with pytest.raises(InvalidRequestError, match="Another version made it"):
            request_from_dict(values)
