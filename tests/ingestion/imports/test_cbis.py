import csv

import numpy as np
import pytest
from PIL import Image

from mammo_core.cohorts.folders import read_real
from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.run import preview_import, run_import
from mammo_core.ingestion.imports.splitting import SplitPlan
from mammo_core.labels import BENIGN, MALIGNANT
from tests.ingestion.images.made_dicom import made
from tests.ingestion.imports.made_imports import PLACES, SHAPE, CbisDownload, write_table

pytestmark = pytest.mark.usefixtures("in_process")
OFFICIAL = SplitPlan(by="official", val_share=0.0)


@pytest.fixture
def imported(tmp_path):
    """Imports a download as `cbis` and gives the report with the rows of metadata.csv."""

    def run(download, **settings):
        root = download.write_tables()
        plan = ImportPlan(
            kind="cbis-ddsm", source=root, name="cbis", **{"split": OFFICIAL, **settings}
        )
        report = run_import(plan, tmp_path / "data", tmp_path / "home", workers=1)
        with (report.folder / "metadata.csv").open(newline="") as file:
            return report, list(csv.DictReader(file))

    return run


def box(row):
    return tuple(int(row[name]) for name in ("box_top", "box_left", "box_height", "box_width"))


@pytest.mark.parametrize("layout", ["uids", "described", "modality", "flat"])
def test_a_download_becomes_a_cohort_with_the_official_test_set(tmp_path, imported, layout):
    download = CbisDownload(tmp_path / "tcia", layout)
    download.add("P_00001", pathology="MALIGNANT").add("P_00002", view="MLO")
    download.add("P_00003", split="test", pathology="BENIGN_WITHOUT_CALLBACK", side="RIGHT")

    report, rows = imported(download)

    cohort = read_real(report.folder).cohort
    assert cohort.patient_ids.tolist() == [f"cbis-ddsm__P_0000{n}" for n in (1, 2, 3)]
    assert cohort.labels.tolist() == [MALIGNANT, BENIGN, BENIGN]
    assert cohort.splits.tolist() == ["train", "train", "test"]
    assert set(cohort.sites) == {"cbis-ddsm"}
    assert cohort.images.shape == (3, 128, 128)
    assert [box(row) for row in rows] == [PLACES[0]] * 3
    third = next(row for row in rows if row["patient"].endswith("P_00003"))
    assert (third["side"], third["view"], third["density"]) == ("R", "CC", "3")
    assert (third["shape"], third["margins"], third["assessment"]) == ("oval", "circumscribed", "4")
    assert (third["pathology"], third["subtlety"]) == ("benign_without_callback", "5")
    assert report.skipped == ()


def test_image_ids_are_those_of_the_papers_cohort(tmp_path, imported):
    _, rows = imported(CbisDownload(tmp_path / "tcia").add())

    assert rows[0]["image"] == str(10**7 + 100)  # the last part of the series' UID


@pytest.mark.parametrize("oddity", [{"together": True}, {"swapped": True}])
def test_mask_is_told_from_crop_by_what_is_in_it(tmp_path, imported, oddity):
    report, rows = imported(CbisDownload(tmp_path / "tcia").add(places=PLACES, **oddity))

    assert sorted(box(row) for row in rows) == sorted(PLACES)
    assert (report.num_images, report.num_masses) == (1, 2)


def test_box_of_a_mask_of_another_size_is_scaled_and_said(tmp_path, imported):
    report, rows = imported(
        CbisDownload(tmp_path / "tcia").add(mask_shape=(2 * SHAPE[0], 2 * SHAPE[1]))
    )

    np.testing.assert_allclose(box(rows[0]), PLACES[0], atol=1)
    assert "another size" in rows[0]["warnings"]
    assert any("another size" in warning for warning in report.warnings)


def test_density_column_may_be_spelled_with_a_space(tmp_path, imported):
    download = CbisDownload(tmp_path / "tcia").add()
    download.write_tables(density_name="breast density")

    _, rows = imported(download)

    assert rows[0]["density"] == "3"


def test_paths_with_backslashes_quotes_and_upper_case_are_found(tmp_path, imported):
    download = CbisDownload(tmp_path / "tcia").add()
    row = download.rows["train"][0]
    row[11] = '"' + row[11].replace("/", "\\").upper() + '"\r\n'

    report, _ = imported(download)

    assert report.num_masses == 1


def test_path_is_found_by_its_series_alone(tmp_path, imported):
    download = CbisDownload(tmp_path / "tcia").add()
    row = download.rows["train"][0]
    row[11] = row[11].replace("Mass-Training", "renamed")

    report, _ = imported(download)

    assert report.num_masses == 1


def test_validation_patients_follow_from_the_seed_and_never_train(tmp_path):
    download = CbisDownload(tmp_path / "tcia")
    for number in range(8):
        download.add(f"P_0001{number}", pathology="MALIGNANT" if number % 2 else "BENIGN")
        download.add(f"P_0001{number}", pathology="BENIGN", view="MLO")
    download.add("P_00030", split="test")
    root = download.write_tables()

    def splits(seed):
        plan = ImportPlan(
            kind="cbis-ddsm",
            source=root,
            name=f"cbis{seed}",
            split=SplitPlan(by="official", seed=seed, val_share=0.25),
        )
        report = run_import(plan, tmp_path / "data", tmp_path / "home", workers=1)
        cohort = read_real(report.folder).cohort
        report.folder.rename(tmp_path / f"kept{seed}{len(list(tmp_path.iterdir()))}")
        return {
            str(patient): set(cohort.splits[cohort.patient_ids == patient].tolist())
            for patient in cohort.patient_ids
        }

    first = splits(0)
    assert all(len(found) == 1 for found in first.values())
    assert sum(found == {"val"} for found in first.values()) == 2
    assert first["cbis-ddsm__P_00030"] == {"test"}
    assert splits(0) == first
    assert splits(1) != first


def test_what_is_missing_is_skipped_with_its_reason(tmp_path, imported):
    download = CbisDownload(tmp_path / "tcia").add().add("P_00002").add("P_00003")
    download.add("P_00004", pathology="UNPROVEN").add("P_00005")
    for path in (tmp_path / "tcia").rglob("*P_00002_LEFT_CC/*/*/*.dcm"):
        path.unlink()
    for path in (tmp_path / "tcia").rglob("*P_00003_LEFT_CC_1/*/*/*.dcm"):
        path.unlink()
    for path in (tmp_path / "tcia").rglob("*P_00005_LEFT_CC/*/*/*.dcm"):
        path.write_bytes(path.read_bytes()[:2000])

    report, rows = imported(download)

    assert len(rows) == 1
    kinds = {skipped.what[:7]: skipped.kind for skipped in report.skipped}
    assert kinds == {
        "P_00002": "image not found",
        "P_00003": "mask not found",
        "P_00004": "label not understood",
        "P_00005": "image cannot be used",
    }
    assert all(
        "xpected" in skipped.reason and ("; got" in skipped.reason or ";" in skipped.reason)
        for skipped in report.skipped
    )


def test_patient_of_the_test_set_never_trains(tmp_path, imported):
    download = CbisDownload(tmp_path / "tcia").add("P_00001").add("P_00002")
    download.add("P_00001", split="test", side="RIGHT")

    report, rows = imported(download)

    assert {(row["patient"], row["split"]) for row in rows} == {
        ("cbis-ddsm__P_00001", "test"),
        ("cbis-ddsm__P_00002", "train"),
    }
    assert [skipped.kind for skipped in report.skipped] == ["patient is in the test set"]


def test_an_empty_mask_costs_its_mass_only(tmp_path, imported):
    download = CbisDownload(tmp_path / "tcia").add(places=PLACES)
    black = next((tmp_path / "tcia").rglob("*_1/*/*/1-2.dcm"))
    black.write_bytes(made(np.zeros(SHAPE, np.uint8)))

    report, rows = imported(download)

    assert [box(row) for row in rows] == [PLACES[1]]
    assert [skipped.kind for skipped in report.skipped] == ["mask cannot be used"]


def test_masks_and_images_as_jpeg_are_read_too(tmp_path, imported):
    download = CbisDownload(tmp_path / "tcia").add()
    for path in list((tmp_path / "tcia").rglob("*.dcm")):
        picture = read_image(path)
        grey = picture.stored if picture.stored.dtype == np.uint8 else picture.ranged_grey()
        Image.fromarray(grey).save(path.with_suffix(".jpg"), quality=90)
        path.unlink()

    _, rows = imported(download)

    np.testing.assert_allclose(box(rows[0]), PLACES[0], atol=2)


def test_no_case_description_says_what_to_do(tmp_path):
    (tmp_path / "tcia").mkdir()
    plan = ImportPlan(
        kind="cbis-ddsm", source=tmp_path / "tcia", name="cbis", split=SplitPlan(by="official")
    )

    with pytest.raises(IngestionError, match="Expected mass_case_description.*Download them"):
        preview_import(plan, tmp_path / "data", tmp_path / "home")


def test_case_description_without_pathology_says_which_column(tmp_path):
    write_table(
        tmp_path / "tcia" / "mass_case_description_train_set.csv",
        ["patient_id", "abnormality id"],
        [["P_00001", "1"]],
    )
    plan = ImportPlan(
        kind="cbis-ddsm", source=tmp_path / "tcia", name="cbis", split=SplitPlan(by="official")
    )

    with pytest.raises(IngestionError, match="Expected a column pathology .*; got patient_id"):
        preview_import(plan, tmp_path / "data", tmp_path / "home")
