"""The Data page: what is installed, the paper's data, an import from files to cohort."""

import io
import shutil
import zipfile

import pytest
import streamlit as st

from mammo_core.cohorts.folders import read_real
from mammo_core.errors import IngestionError
from mammo_core.ingestion.download import paper_files
from mammo_core.ingestion.download.paper_data import FetchPlan, run_fetch
from mammo_core.ingestion.markers import IMPORTED, write_marker
from pages.ui.data import paths
from pages.ui.state import jobs
from tests.app.helpers import open_page
from tests.helpers.jobs import ThreadExecutors, wait_until_over, write_cohort
from tests.ingestion.download.paper_copies import listed, repository_zip, served, tiny_files, whole
from tests.jobs.test_ingestion_jobs import write_pictures

FILES = tiny_files()


@pytest.fixture(autouse=True)
def small_and_local(monkeypatch):
    monkeypatch.setattr(jobs, "make_executors", ThreadExecutors)
    monkeypatch.setattr(paper_files, "load_paper_files", lambda: listed(FILES))
    monkeypatch.setattr(paths, "is_own_computer", lambda: True)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def fetched(data, tmp_path):
    (tmp_path / "copy.zip").write_bytes(repository_zip(FILES))
    run_fetch(FetchPlan(source=str(tmp_path / "copy.zip")), data)


def open_tab(name):
    app = open_page("data")
    app.session_state["data_tab"] = name
    return app.run()


def texts(app):
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success)
    return " ".join(element.value for kind in kinds for element in kind)


def table(app, column):
    """The first table that has this column."""
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def wait_for_newest(app):
    job = wait_until_over(jobs.job_queue(), jobs.views()[0].id)
    assert job.state == "finished", job.error
    return app.run()


def test_without_data_the_page_says_how_to_get_some():
    app = open_page("data")

    assert not app.exception
    assert "No masses are installed yet" in texts(app)


def test_cohorts_are_shown_with_counts_checks_and_masses(fetched, data):
    write_cohort(data / "mine")

    app = open_page("data")

    assert not app.exception
    said = texts(app)
    assert "16 masses of 16 patients" in said and "36 masses of 36 patients" in said
    assert set(app.selectbox(key="data_cohort").options) == {
        "mine",
        "mammo_dp/dataset16062024",
        "mammo_dp/extension/synthetic_data/cbis-ddsm/c-dcgan",
    }
    app.selectbox(key="data_cohort").set_value("mammo_dp/dataset16062024").run()
    summary = table(app, "part")
    assert list(summary["part"]) == [
        "bcdr/test",
        "cbis-ddsm/train",
        "cbis-ddsm/val",
        "cbis-ddsm/test",
    ]
    app.selectbox(key="data_cohort").set_value(
        "mammo_dp/extension/synthetic_data/cbis-ddsm/c-dcgan"
    ).run()
    assert list(table(app, "part")["masses"]) == [2]
    assert not app.exception


def test_what_is_wrong_with_a_cohort_is_listed(data):
    write_cohort(data / "mine")
    broken = data / "mine" / "site" / "train" / "is_benign_true" / "broken.png"
    broken.write_text("no image")

    app = open_page("data")

    findings = table(app, "where and how")
    assert "name not understood" in set(findings["what"])


def test_removing_asks_first_and_tells_what_stays(fetched, data):
    app = open_page("data")

    app.button(key="remove_mammo_dp/dataset16062024").click().run()
    assert "the ledger keeps every release" in texts(app)
    assert (data / "mammo_dp").is_dir()
    app.button(key="data_remove_yes").click().run()

    assert not app.exception
    assert not (data / "mammo_dp").exists()
    assert "No masses are installed yet" in texts(app)


def test_removal_that_fails_says_why(fetched, data):
    app = open_page("data")
    app.button(key="remove_mammo_dp/dataset16062024").click().run()
    (data / "mammo_dp" / "fetch.json").unlink()

    app.button(key="data_remove_yes").click().run()

    assert "someone else put mammo" in app.error[0].value
    assert (data / "mammo_dp").is_dir()


def test_cohort_that_is_gone_is_no_longer_chosen_anywhere(data):
    for name in ("one", "two"):
        write_cohort(data / name)
    app = open_page("data")
    app.selectbox(key="data_cohort").set_value("two").run()
    app.switch_page("pages/train.py").run()
    app.selectbox(key="train_cohort").set_value(app.selectbox(key="train_cohort").options[1]).run()

    shutil.rmtree(data / "two")
    app.run()
    assert not app.exception
    app.switch_page("pages/data.py").run()

    assert not app.exception
    assert app.selectbox(key="data_cohort").value == "one"


def test_cohort_of_someone_else_has_no_button_to_remove_it(data):
    write_cohort(data / "mine")

    app = open_page("data")

    assert not [button for button in app.button if button.label == "Remove"]
    assert "Remove its folder by hand" in texts(app)


def test_record_of_an_import_is_shown_and_hostile_names_stay_text(data):
    write_cohort(data / "clinic")
    write_marker(
        data / "clinic",
        IMPORTED,
        {
            "skipped": [{"what": "i01", "kind": "no label"}] * 3,
            "warnings": ["<script>alert(1)</script> **bold**"],
        },
    )

    app = open_page("data")

    assert not app.exception
    assert table(app, "left out because").iloc[0].tolist() == ["no label", 3]
    assert "- \\<script>" in texts(app)


def test_paper_data_need_accepted_terms_and_come_by_a_job(data):
    app = open_tab("The paper's data")
    assert "CC BY 3.0" in texts(app)
    assert app.button(key="data_fetch").disabled

    with served(whole(repository_zip(FILES))) as server:
        app.text_input(key="data_source").set_value(server.url)
        app.checkbox(key="data_terms_accepted").check().run()
        app.button(key="data_fetch").click().run()
        app = wait_for_newest(app)

    assert not app.exception
    assert "The paper's data are in place" in texts(app)
    assert app.button(key="data_fetch").label == "Compare every file again"
    write_cohort(data / "another")
    app.button(key="data_look_fetch").click().run()
    assert app.selectbox(key="data_cohort").value == "mammo_dp/dataset16062024"
    assert "16 masses of 16 patients" in texts(app)


def test_masses_of_bcdr_can_be_left_out(data):
    app = open_tab("The paper's data")

    with served(whole(repository_zip(FILES))) as server:
        app.text_input(key="data_source").set_value(server.url)
        app.checkbox(key="data_with_bcdr").uncheck()
        app.checkbox(key="data_terms_accepted").check().run()
        app.button(key="data_fetch").click().run()
        wait_for_newest(app)

    assert read_real(data / "mammo_dp" / "dataset16062024").cohort.sites_with("test") == [
        "cbis-ddsm"
    ]


def test_pictures_are_tried_without_writing_then_imported(data, tmp_path):
    write_pictures(tmp_path / "pictures", patients=20)
    (tmp_path / "pictures" / "3.png").write_text("no image")
    app = open_tab("Import")
    assert "Give the files above" in texts(app)

    app.segmented_control(key="data_way").set_value("On the computer that runs this app").run()
    app.text_input(key="data_path").set_value(str(tmp_path / "pictures"))
    app.text_input(key="data_labels_path").set_value(str(tmp_path / "pictures" / "labels.csv"))
    app.text_input(key="data_name_pictures").set_value("clinic").run()
    app.button(key="data_try").click().run()

    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["patients"] in ("19", "20")
    assert not (data / "clinic").exists()
    assert table(app, "split")["masses"].sum() in (19, 20)

    app.number_input(key="data_split_seed").set_value(7).run()
    assert "The choices have changed since" in texts(app)
    app.button(key="data_try").click().run()
    app.button(key="data_import").click().run()
    app = wait_for_newest(app)

    assert "The masses are installed" in texts(app)
    assert read_real(data / "clinic").cohort.num_patients == 19


def test_uploaded_archive_is_tried_and_imported(data, tmp_path):
    write_pictures(tmp_path / "pictures")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (tmp_path / "pictures").glob("*.png"):
            archive.write(path, path.name)
    table = (tmp_path / "pictures" / "labels.csv").read_bytes()
    app = open_tab("Import")

    app.file_uploader(key="data_zip").upload("DOE_JANE.zip", packed.getvalue(), "application/zip")
    app.file_uploader(key="data_labels_csv").upload("labels.csv", table, "text/csv")
    app.run()
    app.button(key="data_try").click().run()
    assert not app.exception
    uploads = list((data / ".incoming").glob("upload-*"))
    assert [sorted(path.name for path in upload.iterdir()) for upload in uploads] == [
        ["labels.csv", "source.zip"]
    ]
    app.button(key="data_import").click().run()
    wait_for_newest(app)

    assert read_real(data / "own").cohort.num_patients == 12
    assert list((data / ".incoming").glob("upload-*")) == []


def test_what_was_typed_is_still_there_when_one_comes_back():
    app = open_tab("Import")
    app.segmented_control(key="data_way").set_value("On the computer that runs this app").run()
    app.text_input(key="data_path").set_value("/somewhere").run()
    app.switch_page("pages/home.py").run()

    app.switch_page("pages/data.py").run()

    assert not app.exception
    assert app.text_input(key="data_path").value == "/somewhere"


def test_files_that_cannot_be_imported_are_explained(tmp_path):
    write_pictures(tmp_path / "pictures")
    app = open_tab("Import")

    app.segmented_control(key="data_way").set_value("On the computer that runs this app").run()
    app.text_input(key="data_path").set_value(str(tmp_path / "nothing"))
    app.text_input(key="data_labels_path").set_value(str(tmp_path / "pictures" / "labels.csv"))
    app.run()
    app.button(key="data_try").click().run()

    assert not app.exception
    assert "Nothing can be imported like this" in app.error[0].value


def test_doubtful_patients_are_asked_about_and_confirmed_on_the_form(data, tmp_path):
    write_pictures(tmp_path / "pictures")
    labels = tmp_path / "pictures" / "labels.csv"
    lines = [line.split(",") for line in labels.read_text().splitlines()]
    lines[1:] = [[line[0], "ANONYMOUS", *line[2:]] for line in lines[1:]]
    labels.write_text("\n".join(",".join(line) for line in lines))
    app = open_tab("Import")
    app.segmented_control(key="data_way").set_value("On the computer that runs this app").run()
    app.text_input(key="data_path").set_value(str(tmp_path / "pictures"))
    app.text_input(key="data_labels_path").set_value(str(labels))
    app.text_input(key="data_name_pictures").set_value("clinic").run()
    app.button(key="data_try").click().run()

    assert "'ANONYMOUS', a placeholder" in app.error[0].value

    app.selectbox(key="data_patients_pictures").set_value("table").run()
    app.button(key="data_try").click().run()

    assert not app.exception and not app.error
    assert {metric.label: metric.value for metric in app.metric}["patients"] == "1"
    assert "a placeholder" in app.warning[0].value
    assert "Patients are as in the table" in texts(app)
    app.button(key="data_import").click().run()
    app = wait_for_newest(app)
    app.session_state["data_tab"] = "Installed"
    assert "Patients are as in the table" in texts(app.run())


def test_visitor_of_a_server_for_others_can_only_name_files_of_the_data_folder(
    monkeypatch, data, tmp_path
):
    monkeypatch.setattr(paths, "is_own_computer", lambda: False)
    (data / "raw").mkdir(parents=True)
    (data / ".incoming").mkdir()
    (data / "link").symlink_to(tmp_path)
    (data / "inside").symlink_to(data / "raw")

    assert paths.named_path(str(data / "raw")) == data / "raw"
    assert paths.named_path(str(data / "inside")) == data / "raw"
    assert paths.named_path(" ") is None
    for text in (
        "/etc/passwd",
        str(tmp_path),
        str(data),
        f"{data}/../secret",
        f"{data}/link/secret",
        f"{data}/.incoming/upload-1/source.zip",
        "~/.ssh/id_rsa",
    ):
        with pytest.raises(IngestionError, match="others can reach this server"):
            paths.named_path(text)


def test_visitor_of_a_server_for_others_can_name_no_address(monkeypatch):
    from pages.ui.data import paper_tab

    monkeypatch.setattr(paper_tab, "is_own_computer", lambda: False)

    app = open_tab("The paper's data")

    assert not app.exception
    assert [field for field in app.text_input if field.key == "data_source"] == []
    assert "it opens no files or addresses that visitors name" in texts(app)


@pytest.mark.parametrize(
    ("address", "variable", "own"),
    [
        ("127.0.0.1", None, True),
        ("127.0.0.1", "MAMMO_BEHIND_PROXY", False),
        ("127.0.0.1", "MAMMO_PASSWORD", False),
        ("0.0.0.0", "MAMMO_PASSWORD", False),
    ],
)
def test_own_computer_is_one_that_nobody_else_is_let_into(monkeypatch, address, variable, own):
    monkeypatch.undo()
    for name in ("MAMMO_BEHIND_PROXY", "MAMMO_PASSWORD", "MAMMO_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "a long enough password")
    monkeypatch.setattr(st, "get_option", lambda name: address)

    assert paths.is_own_computer() is own
