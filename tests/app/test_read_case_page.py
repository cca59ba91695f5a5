"""The page Read a case in process: an example, an upload, its box by numbers, own runs, and nothing left behind."""

import io
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from mlflow import MlflowClient
from PIL import Image

from mammo_core.classifiers.features import FeatureStore
from mammo_core.results.recording import RunRecorder
from mammo_core.system.paths import home_dir
from pages.ui.case import image as case_picture
from pages.ui.case import models as case_models
from pages.ui.state import resources
from tests.app.helpers import open_page
from tests.app.test_pages import texts
from tests.helpers.heads import small_bench
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


def png(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def mass(side=128, seed=0):
    """A bright blob on grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - side / 2
    blob = 110 * np.exp(-(x**2 + y**2) / (2 * (side / 6) ** 2))
    return (70 + blob + rng.normal(0, 6, (side, side))).clip(0, 255).astype(np.uint8)


def mammogram():
    """1200 × 900 pixels with a mass in rows 500 to 620, columns 300 to 420."""
    image = np.zeros((1200, 900), np.uint8)
    image[:, :700] = 60
    image[500:620, 300:420] = mass(120)
    return image


def upload(app, *contents, name="case.png"):
    if app.get_by_key("case_source").value != case_picture.UPLOAD:
        app = choose(app, "case_source", case_picture.UPLOAD)
    files = [(name, content, "application/octet-stream") for content in contents]
    app.file_uploader(key="case_file").set_value(files)
    return app.run(timeout=90)


def box_fields(app):
    """The number fields of boxes: top, left, height and width of each picture."""
    return [field for field in app.number_input if field.key.startswith("case_box_")]


def type_box(app, *numbers, picture=0):
    """Types top, left, height and width of a picture's box."""
    for field, number in zip(box_fields(app)[4 * picture :], numbers, strict=False):
        field.set_value(number)
    return app.run(timeout=90)


def choose(app, key, value):
    """Clicks an option of a segmented control."""
    app.button_group(key=key).set_value(value)
    return app.run(timeout=90)


def figures(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def table(app):
    (shown,) = [frame.value for frame in app.dataframe if "mean score" in frame.value]
    return shown


def own_scores(figure):
    return [
        score
        for trace in figure["data"]
        if trace["name"].startswith("this mass, ") and trace.get("mode") == "markers"
        for score in trace["y"]
    ]


def test_link_opens_an_example_by_its_seed_and_class():
    link = {"case_source": case_picture.EXAMPLE, "case_seed": "12", "case_class": "malignant"}
    app = open_page("read_case", **link)

    assert not app.exception and not app.warning
    assert app.number_input(key="case_seed").value == 12
    assert app.get_by_key("case_class").value == "malignant"


def test_page_opens_with_an_example_and_its_answer_in_one_sentence():
    app = open_page("read_case")

    assert not app.exception and not app.error
    assert app.get_by_key("case_source").value == case_picture.EXAMPLE
    assert re.fullmatch(
        r"\d+ of 10 models say malignant at ε = 1, \d+ of 10 at ε = 60\.", app.header[0].value
    )
    assert app.get("plotly_chart")


def test_own_image_is_asked_for_and_nothing_is_read_before():
    app = choose(open_page("read_case"), "case_source", case_picture.UPLOAD)

    assert not app.exception
    assert "Nothing you upload is kept" in texts(app)
    assert not app.get("plotly_chart")


def test_example_is_read_with_nothing_installed():
    app = choose(open_page("read_case"), "case_source", case_picture.EXAMPLE)

    assert not app.exception and not app.error
    assert "Not a diagnosis" in texts(app)
    shown = figures(app)
    assert len(shown) == 2  # one per test site
    assert len(own_scores(shown[0])) == 51
    assert "With no privacy (ε = ∞, not DP), the one model calls it" in texts(app)
    assert "What noise does to one answer" in texts(app)
    assert {"case.csv", "case.html"} <= {button.label for button in app.get("download_button")}
    rows = table(app)
    assert list(rows["ε"]) == ["1", "2", "6", "12", "60", "∞ (not DP)"]
    # more noise, other answers
    width = rows["highest"] - rows["lowest"]
    assert width[0] > width[4]


def test_another_example_gets_another_answer():
    app = choose(open_page("read_case"), "case_source", case_picture.EXAMPLE)
    before = own_scores(figures(app)[0])

    app.number_input(key="case_seed").set_value(8).run(timeout=90)

    assert own_scores(figures(app)[0]) != before


def test_uploaded_crop_is_read_whole():
    app = upload(open_page("read_case"), png(mass()))

    assert not app.exception and not app.error
    assert len(own_scores(figures(app)[0])) == 51
    assert not box_fields(app)


def test_uploaded_mammogram_waits_for_a_box_and_reads_what_is_in_it(private_home):
    app = upload(open_page("read_case"), png(mammogram()))
    assert "Draw a box around the mass" in texts(app)
    assert not app.get("plotly_chart")

    app = type_box(app, 500, 300, 120, 120)

    assert not app.exception and not app.error
    assert len(own_scores(figures(app)[0])) == 51
    # cut otherwise, it is read anew
    before = own_scores(figures(app)[0])
    app.selectbox(key="case_recipe").set_value("around the middle of the box").run(timeout=90)
    assert own_scores(figures(app)[0]) != before


def test_another_upload_starts_without_a_box():
    app = upload(open_page("read_case"), png(mammogram()))
    app = type_box(app, 100, 100, 100, 100)

    app = upload(app, png(mammogram()[::-1].copy()))

    assert [field.value for field in box_fields(app)] == [None] * 4
    assert "Draw a box around the mass" in texts(app)


def test_photograph_like_image_gets_a_warning():
    rng = np.random.default_rng(0)
    stripes = np.where(np.arange(128) // 8 % 2, 220, 20)[None, :].repeat(128, 0)
    picture = (stripes + rng.normal(0, 5, (128, 128))).clip(0, 255).astype(np.uint8)

    app = upload(open_page("read_case"), png(picture))

    assert any("Not like the masses" in warning.value for warning in app.warning)


def test_flat_image_gets_a_warning():
    app = upload(open_page("read_case"), png(np.full((128, 128), 120, np.uint8)))

    assert any("Hardly any contrast" in warning.value for warning in app.warning)


@pytest.mark.parametrize("content", [b"", b"not an image", png(mass())[:200], b"\x80\x04pickle"])
def test_unreadable_upload_is_a_message_not_a_crash(content):
    app = upload(open_page("read_case"), content)

    assert not app.exception
    (error,) = app.error
    assert "This image cannot be read" in error.value
    assert not app.get("plotly_chart")


def files_below(*folders):
    return {
        (str(path), path.stat().st_mtime_ns)
        for folder in folders
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_nothing_of_an_upload_is_kept(tmp_path, monkeypatch, caplog):
    """No file under the program's home, its data or the system's temporary folder; nothing in the log."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    app = choose(open_page("read_case"), "case_source", case_picture.EXAMPLE)  # warms everything
    app = choose(app, "case_source", case_picture.UPLOAD)
    home_dir().mkdir(parents=True, exist_ok=True)
    before = files_below(tmp_path)

    with caplog.at_level("DEBUG", logger="mammo_core"):
        app = upload(app, png(mass(seed=3)), name="Doe^Jane.png")

    assert len(own_scores(figures(app)[0])) == 51
    assert files_below(tmp_path) == before
    assert "Doe" not in caplog.text


def test_session_forgets_the_picture_with_the_upload():
    app = upload(open_page("read_case"), png(mammogram()))
    assert all(key in app.session_state for key in ("case_picture", "case_box_shown"))

    app = choose(app, "case_source", case_picture.EXAMPLE)

    assert not any(key in app.session_state for key in ("case_picture", "case_box_shown"))


def test_dicom_of_a_breast_is_read_and_its_identifiers_are_not_shown():
    app = upload(open_page("read_case"), dicom_bytes())

    assert not app.exception and not app.error
    shown = " ".join([texts(app), *(warning.value for warning in app.warning)])
    assert "Doe" not in shown
    assert "900 × 1200 pixels" in shown


def test_two_views_of_a_patient_get_one_answer_and_one_each():
    views = [
        dicom_bytes(image, ImageLaterality="R", ViewPosition=view, SOPInstanceUID=uid)
        for view, uid, image in (("MLO", "1.2.3", mammogram()), ("CC", "1.2.4", mammogram()[::-1]))
    ]
    app = upload(open_page("read_case"), *views)
    assert "Draw a box around the mass in each view" in texts(app)
    labels = [field.label for field in box_fields(app)]
    assert (labels[0], labels[4]) == ("Top (pixels), right CC", "Top (pixels), right MLO")
    assert "Mirroring is for display only" in texts(app)

    app = type_box(app, 500, 300, 120, 120)
    assert "Draw a box around the mass in each view" in texts(app)
    app = type_box(app, 480, 280, 160, 160, picture=1)

    assert not app.exception and not app.error
    rows = table(app)
    assert list(rows["view"].unique()) == ["mean", "right CC", "right MLO"]
    assert len(rows) == 18
    means = rows.groupby("view")["mean score"].first()  # at the smallest ε
    low, high = sorted([means["right CC"], means["right MLO"]])
    assert low < high
    assert low - 0.1 < means["mean"] < high + 0.1
    assert "This is the mean of right CC and right MLO." in texts(app)
    assert "right CC: " in texts(app)


def test_two_views_whose_patient_nobody_names_are_read_once_the_user_says_so():
    app = upload(open_page("read_case"), png(mass()), png(mass(seed=1)))
    assert "At least one image does not name its patient" in texts(app)
    assert not app.get("plotly_chart")

    (box,) = [one for one in app.checkbox if one.key.startswith("case_same_")]
    box.set_value(True).run(timeout=90)

    assert not app.exception and not app.error
    assert list(table(app)["view"].unique()) == ["mean", "view 1", "view 2"]


def test_views_of_two_patients_are_refused():
    other = dicom_bytes(mammogram()[::-1], PatientID="Roe2", SOPInstanceUID="1.2.3")

    app = upload(open_page("read_case"), dicom_bytes(), other)

    (error,) = app.error
    assert "the headers of these images name different patients" in error.value
    assert "Doe" not in error.value and "Roe" not in error.value
    assert not app.exception and not box_fields(app)


def test_three_images_are_refused():
    app = upload(open_page("read_case"), *[png(mass(seed=seed)) for seed in range(3)])

    assert "two views of one patient; got 3 images" in app.error[0].value


def dicom_bytes(image=None, **elements):
    """A mammogram as a DICOM file with a patient's name in it."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import (
        DigitalMammographyXRayImageStorageForPresentation,
        ExplicitVRLittleEndian,
    )

    pixels = (mammogram() if image is None else image).astype(np.uint16) * 16
    data = pydicom.Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    data.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    data.PatientName, data.PatientID, data.Modality = "Doe^Jane", "Doe1", "MG"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PhotometricInterpretation = "MONOCHROME2"
    data.WindowCenter, data.WindowWidth = 2048, 4096
    data.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    content = io.BytesIO()
    pydicom.dcmwrite(content, data, enforce_file_format=True)
    return content.getvalue()


def record_runs(home, seeds):
    """Runs of a small made-up cohort with a val split; returns their ids."""
    dataset = small_bench()
    configs = [make_config(dataset, "pretrain", 2.0, seed=seed, noise="secret") for seed in seeds]
    tracker = RunRecorder(home)
    return [tracker.record(result, origin="train") for result in run_many(dataset, configs)]


def test_runs_of_this_installation_read_a_mass_too_and_older_ones_are_left_out(private_home):
    first, second, old = record_runs(private_home, seeds=(1, 2, 3))
    MlflowClient(f"sqlite:///{private_home / 'mlflow.db'}").delete_tag(old, "head")
    app = choose(open_page("read_case"), "case_source", case_picture.EXAMPLE)

    app = choose(app, "case_models", case_models.OWN)
    assert "Left out: 1 run." in texts(app)
    app.multiselect(key="case_runs").set_value([first, second]).run(timeout=90)

    assert not app.exception and not app.error
    assert [len(own_scores(figure)) for figure in figures(app)] == [2, 2]
    assert list(table(app)["models"]) == [2]
    assert "differ only in the noise" in texts(app)


def test_real_masses_are_shown_only_when_asked_for(private_home, tmp_path):
    write_real(tmp_path / "data" / "mine")
    (source, _) = resources.installed_sources()
    cohort = resources.loaded_data(source).real
    FeatureStore(private_home / "features").features(cohort.images, resources.backbone_for(source))
    app = choose(open_page("read_case"), "case_source", case_picture.EXAMPLE)
    assert "Nearest masses of the train split" not in texts(app)

    app.checkbox(key="case_real").set_value(True).run(timeout=90)

    assert not app.exception and not app.error
    assert "Nearest masses of the train split" in texts(app)
    assert "Nearest masses that no model was trained on" in texts(app)


def write_real(folder):
    """Twelve masses in a train and a test split."""
    for split, seed in (("train", 0), ("test", 1)):
        for row in range(6):
            flag = row % 2
            parent = folder / "site" / split / f"is_benign_{'true' if flag else 'false'}"
            parent.mkdir(parents=True, exist_ok=True)
            name = f"patient{split}{row}_imagei_mass0_is_benign_{flag}.png"
            (parent / name).write_bytes(png(mass(32, seed=10 * seed + row)))


def test_damaged_head_of_a_run_is_a_message(private_home):
    (run_id,) = record_runs(private_home, seeds=(1,))
    (file,) = private_home.glob("artifacts/**/head.safetensors")
    file.write_bytes(file.read_bytes()[:-5])
    app = choose(open_page("read_case"), "case_source", case_picture.EXAMPLE)
    app = choose(app, "case_models", case_models.OWN)

    app.multiselect(key="case_runs").set_value([run_id]).run(timeout=90)

    assert not app.exception
    assert "cannot be read with these models" in app.error[0].value


def test_without_runs_the_page_says_where_to_train(private_home):
    app = choose(open_page("read_case"), "case_source", case_picture.EXAMPLE)

    app = choose(app, "case_models", case_models.OWN)

    assert "Nothing was trained here yet" in texts(app)
    assert not (private_home / "mlflow.db").exists()
