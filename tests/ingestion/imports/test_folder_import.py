import csv
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from mammo_core.cohorts.folders import read_real
from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import to_dict
from mammo_core.errors import IngestionError, InvalidRequestError
from mammo_core.ingestion.imports import folder_survey
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.run import preview_import, run_import
from mammo_core.ingestion.imports.splitting import SplitPlan
from mammo_core.labels import BENIGN, MALIGNANT
from tests.ingestion.images.made_dicom import (
    BREAST,
    CALCIFICATION,
    MASS,
    SECONDARY_CAPTURE,
    made,
    segmentation,
)
from tests.ingestion.imports.made_imports import (
    PLACES,
    SHAPE,
    mammogram,
    mask,
    write,
    write_png,
    write_table,
)

pytestmark = pytest.mark.usefixtures("in_process")
BOX = ("x", "y", "width", "height")
TRAIN_ONLY = SplitPlan(val_share=0, test_share=0)
UIDS = {name: f"1.2.826.0.1.{number}" for number, name in enumerate("abcdef", start=1)}


def numbers(place):
    """A place as x, y, width, height."""
    top, left, height, width = place
    return [left, top, width, height]


def box(row):
    return tuple(int(row[name]) for name in ("box_top", "box_left", "box_height", "box_width"))


@pytest.fixture
def hospital(tmp_path):
    """Three DICOM files of two patients in folders of their own."""
    for name, patient, side in (("a", "P1", "L"), ("b", "P1", "R"), ("c", "P2", "L")):
        elements = {"SOPInstanceUID": UIDS[name], "PatientID": patient, "ImageLaterality": side}
        write(
            tmp_path / "pacs" / patient / f"{name}.dcm",
            made(mammogram(ord(name)), ViewPosition="CC", **elements),
        )
    return tmp_path / "pacs"


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""
    return lambda name, columns, rows, **settings: write_table(
        tmp_path / name, columns, rows, **settings
    )


@pytest.fixture
def imported(tmp_path):
    """Imports, and gives the report with the rows of metadata.csv by image and mass."""

    def run(kind, source, **settings):
        settings = {"name": "own", "split": TRAIN_ONLY, **settings}
        plan = ImportPlan(kind=kind, source=source, **settings)
        report = run_import(plan, tmp_path / "data", tmp_path / "home", workers=1)
        with (report.folder / "metadata.csv").open(newline="") as file:
            return report, list(csv.DictReader(file))

    return run


def test_one_table_says_labels_and_boxes_by_file(hospital, table, imported):
    labels = table(
        "labels.csv",
        ["file", "label", *BOX],
        [
            ["P1/a.dcm", "malignant", *numbers(PLACES[0])],
            ["P1/a.dcm", "benign", *numbers(PLACES[1])],
            ["c.dcm", "0", *numbers(PLACES[0])],
        ],
    )

    report, rows = imported("dicom", hospital, labels=labels)

    cohort = read_real(report.folder).cohort
    assert sorted(cohort.labels.tolist()) == [BENIGN, BENIGN, MALIGNANT]
    assert cohort.num_patients == 2
    assert sorted(box(row) for row in rows) == sorted([PLACES[0], PLACES[0], PLACES[1]])
    assert {row["side"] for row in rows} == {"L"}
    assert {row["view"] for row in rows} == {"CC"}
    assert [(one.what, one.kind) for one in report.skipped] == [("p1/b.dcm", "no label")]


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        (["image_id"], {name: [f"{name}"] for name in "abc"}),
        (["SOP Instance UID"], {name: [uid] for name, uid in UIDS.items()}),
        (
            ["Patient ID", "side", "view"],
            {"a": ["P1", "left", "cc"], "b": ["P1", "R", "CC"], "c": ["P2", "L", "CC"]},
        ),
        (["filename"], {name: [name] for name in "abc"}),
        (
            ["path"],
            {name: [f"D:\\export\\pacs\\P{1 + (name == 'c')}\\{name}.DCM"] for name in "abc"},
        ),
    ],
)
def test_images_are_found_by_uid_by_view_and_by_whatever_path(
    hospital, table, imported, columns, cells
):
    rows = [[*cells[name], word] for name, word in (("a", "1"), ("b", "benign"), ("c", "0"))]
    labels = table("labels.csv", [*columns, "pathology"], rows)
    boxes = table("boxes.csv", [*columns, *BOX], [[*cells[n], *numbers(PLACES[0])] for n in "abc"])

    report, rows = imported("dicom", hospital, labels=labels, boxes=boxes)

    assert report.num_masses == 3
    assert report.skipped == ()
    assert sorted(row["label"] for row in rows) == ["0", "0", "1"]
    assert {row["pathology"] for row in rows} == {"benign", ""}


def test_boxes_table_with_corners_and_labels_of_its_own(hospital, table, imported):
    labels = table("labels.csv", ["file", "label"], [["a.dcm", "malignant"], ["c.dcm", "benign"]])
    rows = []
    for file, place, label in (("a.dcm", PLACES[0], ""), ("a.dcm", PLACES[1], "benign")):
        left, top, width, height = numbers(place)
        rows.append([file, left, top, left + width, top + height, label])
    boxes = table(
        "boxes.csv", ["file", "xmin", "ymin", "xmax", "ymax", "label"], rows, delimiter=";"
    )

    report, found = imported("dicom", hospital, labels=labels, boxes=boxes)

    assert {(box(row), row["label"]) for row in found} == {(PLACES[0], "1"), (PLACES[1], "0")}
    assert {(one.what, one.kind) for one in report.skipped} == {
        ("p1/b.dcm", "no label"),
        ("p2/c.dcm", "no box"),
    }


def test_masks_beside_the_images_mark_several_masses(hospital, table, imported):
    write_png(hospital / "P1/a_mask.png", mask(PLACES[0]) | mask(PLACES[1]))
    write(hospital / "P1/b-roi-1.dcm", made(mask(PLACES[0])))
    write(hospital / "P1/b-roi-2.dcm", made(mask(PLACES[1])))
    labels = table("labels.csv", ["file", "label"], [["a", "1"], ["b", "0"], ["c", "0"]])

    report, rows = imported("dicom", hospital, labels=labels)

    assert sorted((row["label"], box(row)) for row in rows) == sorted(
        (label, place) for label in "01" for place in PLACES
    )
    assert [(one.what, one.kind) for one in report.skipped] == [("p2/c.dcm", "no box")]


def test_masks_in_a_folder_of_their_own_have_the_images_names(tmp_path, hospital, table, imported):
    for name in "abc":
        write_png(tmp_path / "rois" / f"{name}.png", mask(PLACES[1]))
    labels = table("labels.csv", ["file", "label"], [[name, "1"] for name in "abc"])

    report, rows = imported("dicom", hospital, labels=labels, masks=tmp_path / "rois")

    assert [box(row) for row in rows] == [PLACES[1]] * 3
    assert report.skipped == ()


def test_a_column_names_the_mask_of_each_mass(hospital, table, imported):
    write_png(hospital / "rois/first.png", mask(PLACES[0]))
    write(hospital / "rois/second.dcm", made(mask(PLACES[1])))
    labels = table(
        "labels.csv",
        ["file", "label", "mask"],
        [["a", "1", "rois/first.png"], ["a", "0", "second.dcm"], ["c", "1", "lost.png"]],
    )

    report, rows = imported("dicom", hospital, labels=labels)

    assert {(box(row), row["label"]) for row in rows} == {(PLACES[0], "1"), (PLACES[1], "0")}
    assert {(one.what, one.kind) for one in report.skipped} == {
        ("p1/b.dcm", "no label"),
        ("p2/c.dcm", "mask not found"),
    }


def test_a_segmentation_says_where_masses_are(tmp_path, hospital, table, imported):
    marks = np.stack([mask(PLACES[0]), mask(PLACES[1])]) > 0
    write(tmp_path / "seg.dcm", segmentation(marks, [UIDS["a"], UIDS["c"]]))
    labels = table("labels.csv", ["file", "label"], [["a", "1"], ["b", "1"], ["c", "0"]])

    report, rows = imported("dicom", hospital, labels=labels, masks=tmp_path / "seg.dcm")

    assert {(box(row), row["label"]) for row in rows} == {(PLACES[0], "1"), (PLACES[1], "0")}
    assert [(one.what, one.kind) for one in report.skipped] == [("p1/b.dcm", "no box")]


def test_rows_without_one_image_are_skipped_and_named(hospital, table, imported):
    write(hospital / "P3/a.dcm", made(mammogram(9), SOPInstanceUID=UIDS["d"], PatientID="P3"))
    labels = table(
        "labels.csv",
        ["file", "label", *BOX],
        [
            [file, word, *numbers(PLACES[0])]
            for file, word in (
                ("a.dcm", "1"),
                ("x.dcm", "1"),
                ("P9/b.dcm", "1"),
                ("c.dcm", "1"),
                ("b.dcm", "maybe"),
            )
        ],
    )

    report, _ = imported("dicom", hospital, labels=labels)

    assert report.num_masses == 1
    assert {(one.what, one.kind) for one in report.skipped} >= {
        ("a.dcm", "image unclear"),
        ("x.dcm", "image not found"),
        ("P9/b.dcm", "image not found"),  # there is a b.dcm, but of another patient
        ("line 6: b.dcm", "label not understood"),
    }
    assert "p1/b.dcm" not in [one.what for one in report.skipped]  # said already


def test_image_stored_twice_counts_once(hospital, table, imported):
    write(hospital / "P2/copy.dcm", (hospital / "P2/c.dcm").read_bytes())
    labels = table(
        "labels.csv",
        ["file", "label", *BOX],
        [[name, "1", *numbers(PLACES[0])] for name in ("c", "copy")],
    )

    report, _ = imported("dicom", hospital, labels=labels)

    assert report.num_masses == 1
    assert "image found twice" in [one.kind for one in report.skipped]


def test_image_of_nobody_is_skipped(tmp_path, table, imported, hospital):
    write(tmp_path / "pacs/n.dcm", made(mammogram(3), PatientID="", SOPInstanceUID=UIDS["e"]))
    labels = table(
        "labels.csv", ["file", "label", *BOX], [[n, "1", *numbers(PLACES[0])] for n in "an"]
    )

    report, rows = imported("dicom", hospital, labels=labels)

    assert len(rows) == 1
    assert ("n.dcm", "no patient") in [(one.what, one.kind) for one in report.skipped]


def test_box_beside_the_image_and_box_over_its_edge(hospital, table, imported):
    labels = table(
        "labels.csv",
        ["file", "label", *BOX],
        [["a", "1", 5000, 5000, 20, 20], ["b", "0", SHAPE[1] - 20, SHAPE[0] - 20, 60, 60]],
    )

    report, rows = imported("dicom", hospital, labels=labels)

    assert len(rows) == 1
    assert ("p1/a.dcm", "box beside the image") in [(one.what, one.kind) for one in report.skipped]


def test_cut_pictures_are_masses_as_they_are(tmp_path, table, imported):
    for number in range(4):
        write_png(tmp_path / "png" / f"{number}.png", mammogram(number)[:64, :64].astype(np.uint8))
    labels = table(
        "labels.csv",
        ["file", "label", "patient", "density", "referring doctor"],
        [[f"{number}.png", number % 2, f"W{number // 2}", "B", "Dr. No"] for number in range(4)],
    )

    report, rows = imported("pictures", tmp_path / "png", labels=labels)

    assert (report.num_masses, report.num_patients) == (4, 2)
    assert {row["density"] for row in rows} == {"2"}
    assert {box(row) for row in rows} == {(0, 0, 64, 64)}
    assert any("each image is taken whole" in note for note in report.notes)
    assert not any("taken whole" in warning for warning in report.warnings)


def test_pictures_with_boxes_are_cut(tmp_path, table, imported):
    write_png(tmp_path / "png/whole.png", mammogram(1))
    labels = table(
        "labels.csv",
        ["file", "is_benign", "patient_id", *BOX],
        [["whole", "0", "W1", *numbers(PLACES[0])], ["whole", "1", "W1", *numbers(PLACES[1])]],
    )

    _, rows = imported("pictures", tmp_path / "png", labels=labels)

    assert {(box(row), row["label"]) for row in rows} == {(PLACES[0], "1"), (PLACES[1], "0")}


def test_pictures_need_patients_or_an_explicit_word_that_there_are_none(tmp_path, table, imported):
    write_png(tmp_path / "png/1.png", mammogram(1))
    labels = table("labels.csv", ["file", "label"], [["1.png", "1"]])

    with pytest.raises(IngestionError, match="Expected a column patient_id or .*; got file, label"):
        imported("pictures", tmp_path / "png", labels=labels)

    report, _ = imported("pictures", tmp_path / "png", labels=labels, one_patient_per_file=True)
    assert report.num_patients == 1


def test_split_column_decides_and_rows_without_one_are_skipped(hospital, table, imported):
    labels = table(
        "labels.csv",
        ["file", "label", "split", *BOX],
        [
            ["a", "1", "Training", *numbers(PLACES[0])],
            ["b", "0", "train", *numbers(PLACES[0])],
            ["c", "0", "", *numbers(PLACES[0])],
        ],
    )

    report, rows = imported("dicom", hospital, labels=labels, split=SplitPlan(by="column"))

    assert {row["split"] for row in rows} == {"train"}
    assert [(one.what, one.kind) for one in report.skipped] == [("p2/c.dcm", "no split")]


def test_patient_in_two_splits_is_refused(hospital, table, imported):
    labels = table(
        "labels.csv",
        ["file", "label", "split", *BOX],
        [["a", "1", "train", *numbers(PLACES[0])], ["b", "0", "test", *numbers(PLACES[0])]],
    )

    with pytest.raises(
        IngestionError, match="Expected one split for each patient; line 3 .* says test"
    ):
        imported("dicom", hospital, labels=labels, split=SplitPlan(by="column"))


def test_contradicting_labels_of_one_mass_are_refused(hospital, table, imported):
    labels = table(
        "labels.csv", ["file", "label"], [["a", "1"], ["b", "1"], ["P1/../a", "0"], ["a", "0"]]
    )

    with pytest.raises(
        IngestionError, match="lines 2 and 5 .* malignant and benign of one and the same"
    ):
        imported("dicom", hospital, labels=labels)


def test_zip_file_is_unpacked_for_as_long_as_it_is_read(tmp_path, hospital, table, imported):
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in hospital.rglob("*.dcm"):
            packed.write(path, path.relative_to(tmp_path))
    labels = table("labels.csv", ["file", "label", *BOX], [["a", "1", *numbers(PLACES[0])]])

    report, _ = imported("dicom", archive, labels=labels)

    assert report.num_masses == 1
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [".incoming", "own"]
    assert not list((tmp_path / "data" / ".incoming").iterdir())


def test_single_file_is_a_source_too(hospital, table, imported):
    labels = table("labels.csv", ["file", "label", *BOX], [["a", "1", *numbers(PLACES[0])]])

    report, _ = imported("dicom", hospital / "P1/a.dcm", labels=labels)

    assert report.num_masses == 1


def test_text_burned_into_pixels_is_warned_of(hospital, table, imported):
    elements = {"SOPClassUID": SECONDARY_CAPTURE, "BurnedInAnnotation": "YES", "PatientID": "P9"}
    write(hospital / "s.dcm", made(mammogram(5), SOPInstanceUID=UIDS["f"], **elements))
    labels = table("labels.csv", ["file", "label", *BOX], [["s", "1", *numbers(PLACES[0])]])

    report, rows = imported("dicom", hospital, labels=labels)

    assert "burned" in rows[0]["warnings"]
    assert any("burned" in warning for warning in report.warnings)


def test_checks_of_the_new_cohort_are_in_the_report(hospital, table, imported):
    labels = table(
        "labels.csv", ["file", "label", *BOX], [[n, "1", *numbers(PLACES[0])] for n in "abc"]
    )
    write(
        hospital / "P2/c.dcm", made(mammogram(ord("a")), PatientID="P2", SOPInstanceUID=UIDS["c"])
    )

    report, _ = imported("dicom", hospital, labels=labels)

    assert {finding.kind for finding in report.findings} >= {"identical images", "empty class"}


def test_preview_counts_and_shows_and_writes_nothing(tmp_path, hospital, table):
    labels = table(
        "labels.csv",
        ["file", "label", *BOX],
        [["a", "1", *numbers(PLACES[0])], ["b", "0", *numbers(PLACES[1])], ["x", "0", 1, 1, 9, 9]],
    )
    plan = ImportPlan(kind="dicom", source=hospital, name="own", labels=labels, split=TRAIN_ONLY)
    before = sorted(tmp_path.rglob("*"))

    preview = preview_import(plan, tmp_path / "data", tmp_path / "home", workers=1)

    after = {
        path for path in tmp_path.rglob("*") if (tmp_path / "home") not in (path, *path.parents)
    }
    assert sorted(after) == before
    assert (preview.num_images, preview.num_masses, preview.num_patients) == (2, 2, 1)
    (train,) = preview.counts
    assert (train.split, train.benign, train.malignant) == ("train", 1, 1)
    assert {sample.label for sample in preview.samples} == {BENIGN, MALIGNANT}
    assert {sample.image.shape for sample in preview.samples} == {(128, 128)}
    assert preview.tables == ("labels.csv: 3 rows",)
    assert sorted(one.kind for one in preview.skipped) == ["image not found", "no label"]


def test_nothing_to_import_says_why(hospital, table, imported):
    labels = table("labels.csv", ["file", "label"], [["a", "1"], ["z", "0"]])

    with pytest.raises(IngestionError, match=r"nothing is left after leaving out: .*no box \(1\)"):
        imported("dicom", hospital, labels=labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "../evil"}, "Expected a name of up to 64"),
        ({"name": ".hidden"}, "Expected a name"),
        ({"name": "CON"}, "Expected a name"),
        ({"site": "a/b"}, "Expected a site"),
        ({"labels": None}, "Expected a table that says which images are malignant"),
        ({"split": SplitPlan(by="official")}, "which only a published collection has"),
        ({"kind": "tarot"}, "Expected kind to be one of"),
        ({"patients_as_in": "moon"}, "Expected patients_as_in to be one of"),
        ({"patients_as_in": "table", "one_patient_per_file": True}, "got both. Choose one"),
        ({"patients_as_in": "files", "kind": "pictures"}, "pictures name no patient"),
    ],
)
def test_plans_that_cannot_work_are_refused(tmp_path, settings, message):
    usual = {"kind": "dicom", "source": tmp_path, "name": "own", "labels": tmp_path / "l.csv"}

    with pytest.raises(InvalidRequestError, match=message):
        ImportPlan(**usual | settings)


def test_plan_travels_as_json(tmp_path):
    plan = ImportPlan(
        kind="pictures",
        source=tmp_path,
        name="own",
        labels=tmp_path / "l.csv",
        split=SplitPlan(by="column"),
        patients_as_in="table",
    )

    assert from_dict(ImportPlan, to_dict(plan)) == plan
    before = {name: value for name, value in to_dict(plan).items() if name != "patients_as_in"}
    assert from_dict(ImportPlan, before) == replace(plan, patients_as_in="")
    with pytest.raises(TypeError, match="source"):
        from_dict(ImportPlan, {"kind": "dicom"})


def test_table_of_a_whole_hospital_is_used_for_the_few_images_at_hand(
    hospital, table, imported, monkeypatch
):
    monkeypatch.setattr(folder_survey, "_LARGE_TABLE", 50)
    write(hospital / "d_ROI.dcm", made(mammogram(7), SOPInstanceUID=UIDS["d"], PatientID="P4"))
    rows = [[f"else/{number}.dcm", "0", *numbers(PLACES[1])] for number in range(100)]
    rows[70] = ["pacs/P1/a.dcm", "1", *numbers(PLACES[0])]
    rows[71] = ["d_ROI.dcm", "0", *numbers(PLACES[1])]
    labels = table("labels.csv", ["file", "label", *BOX], rows)

    report, found = imported("dicom", hospital, labels=labels)

    assert {(row["label"], box(row)) for row in found} == {("1", PLACES[0]), ("0", PLACES[1])}
    assert ("98 rows of labels.csv", "image not found") in [
        (one.what, one.kind) for one in report.skipped
    ]


@pytest.fixture
def pictures(tmp_path):
    """Four mammograms as PNG; gives their folder."""
    for number in range(4):
        write_png(tmp_path / "png" / f"{number}.png", mammogram(number, shape=(400, 300)))
    return tmp_path / "png"


def test_whole_mammograms_are_said_and_warned_of_in_the_dry_run_too(
    tmp_path, pictures, table, imported
):
    labels = table(
        "labels.csv", ["file", "label", "patient_id"], [[n, n % 2, f"W{n}"] for n in range(4)]
    )
    plan = ImportPlan(kind="pictures", source=pictures, name="own", labels=labels)

    preview = preview_import(plan, tmp_path / "data", tmp_path / "home", workers=1)
    report, _ = imported("pictures", pictures, labels=labels)

    for found in (preview, report):
        assert "No boxes and no masks: each image is taken whole, as one mass." in found.notes
        assert any("up to 400 pixels high" in warning for warning in found.warnings)


def test_places_that_are_not_understood_refuse_the_table(pictures, hospital, table, imported):
    columns = ["file", "label", "patient_id", "lesion_x", "lesion_y"]
    labels = table("labels.csv", columns, [["0.png", 1, "W1", 30, 40]])
    with pytest.raises(IngestionError, match="lesion_x, lesion_y, which may be places"):
        imported("pictures", pictures, labels=labels)

    labels = table("labels.csv", columns, [["a.dcm", 1, "", 30, 40]])
    with pytest.raises(IngestionError, match="lesion_x, lesion_y, which may be places"):
        imported("dicom", hospital, labels=labels)

    write_png(hospital / "P1/a_mask.png", mask(PLACES[0]))
    _, rows = imported("dicom", hospital, labels=labels)  # masks say it
    assert [box(row) for row in rows] == [PLACES[0]]


@pytest.mark.parametrize("cells", [["", "", "", ""], ["x", 1, 2, 3]])
def test_table_of_boxes_without_a_usable_one_takes_no_image_whole(pictures, table, imported, cells):
    labels = table("labels.csv", ["file", "label", "patient_id"], [["0", 1, "W1"]])
    boxes = table("boxes.csv", ["file", *BOX], [["0", *cells]])

    with pytest.raises(
        IngestionError, match=r"nothing is left after leaving out: .*box not underst"
    ):
        imported("pictures", pictures, labels=labels, boxes=boxes)


def test_bad_row_is_not_reported_as_a_missing_one(hospital, table, imported):
    labels = table(
        "labels.csv",
        ["file", "label", *BOX],
        [["a", "1", *numbers(PLACES[0])], ["b", "1", 10, 10, "x", 9], ["c", "?", 1, 1, 9, 9]],
    )

    report, _ = imported("dicom", hospital, labels=labels)

    assert [(one.what, one.kind) for one in report.skipped] == [
        ("line 3: b", "box not understood"),
        ("line 4: c", "label not understood"),
    ]


def test_tiny_boxes_are_warned_of(hospital, table, imported):
    labels = table(
        "labels.csv",
        ["file", "label", *BOX],
        [["a", "1", 30, 40, 4, 60], ["b", "1", 30, 40, 50, 3], ["c", "0", *numbers(PLACES[0])]],
    )

    report, _ = imported("dicom", hospital, labels=labels)

    assert "A box is less than 5 pixels high or wide. (2 times)" in report.warnings


@pytest.mark.parametrize(
    ("place", "is_odd"), [((20, 30, 25, 10), True), ((420, 30, 25, 10), False)]
)
def test_boxes_that_may_be_percentages_are_warned_of(tmp_path, table, imported, place, is_odd):
    for number in range(3):
        write_png(tmp_path / "png" / f"{number}.png", mammogram(number, shape=(500, 420)))
    labels = table(
        "labels.csv",
        ["file", "label", "patient_id", *BOX],
        [
            ["0", 1, "W1", *numbers((10, 10, 30, 30))],
            ["1", 0, "W2", *numbers((50, 10, 30, 60))],
            ["2", 0, "W3", *numbers(place)],
        ],
    )

    report, _ = imported("pictures", tmp_path / "png", labels=labels)

    assert any("percentages" in warning for warning in report.warnings) == is_odd


def test_mias_counts_from_the_bottom(tmp_path, table, imported):
    write_png(tmp_path / "mias/mdb001.png", mammogram(1))
    top, left, height, width = PLACES[1]
    labels = table(
        "labels.csv",
        ["file", "label", "patient_id", "x", "y", "radius"],
        [["mdb001", "B", "W1", left + width // 2, SHAPE[0] - top - height // 2, width // 2]],
    )

    _, rows = imported("pictures", tmp_path / "mias", labels=labels)

    assert [box(row) for row in rows] == [PLACES[1]]


def test_names_are_found_however_their_umlauts_are_written(tmp_path, table, imported):
    write_png(tmp_path / "png/Mu\u0308ller_e\u0301.png", mammogram(1))
    write_png(tmp_path / "png/Mu\u0308ller_e\u0301_mask.png", mask(PLACES[0]))
    labels = table(
        "labels.csv",
        ["file", "label", "patient_id"],
        [["M\u00fcller_\u00e9.png", "1", "W1"]],
    )

    report, rows = imported("pictures", tmp_path / "png", labels=labels)

    assert (report.skipped, [box(row) for row in rows]) == ((), [PLACES[0]])


@pytest.mark.parametrize("end", ["_ROI", "-roi-1", "_mask", "_seg2"])
def test_images_that_are_called_like_masks_are_images_where_the_table_says_so(
    tmp_path, table, imported, end
):
    for number in range(2):
        write_png(tmp_path / "png" / f"{number}{end}.png", mammogram(number)[:64, :64])
    labels = table(
        "labels.csv",
        ["file", "label", "patient_id"],
        [[f"{number}{end}.png", number, f"W{number}"] for number in range(2)],
    )

    report, rows = imported("pictures", tmp_path / "png", labels=labels)

    assert (report.num_masses, report.skipped) == (2, ())
    assert {box(row) for row in rows} == {(0, 0, 64, 64)}


def test_places_count_even_where_images_are_called_like_masks(tmp_path, table, imported):
    write_png(tmp_path / "png/1_ROI.png", mammogram(1))
    columns = ["file", "label", "patient_id", "lesion_x", "lesion_y"]
    labels = table("labels.csv", columns, [["1_ROI.png", 1, "W1", 30, 40]])

    with pytest.raises(IngestionError, match="lesion_x, lesion_y, which may be places"):
        imported("pictures", tmp_path / "png", labels=labels)


def test_dicom_named_like_a_mask_is_found_by_its_uid(tmp_path, table, imported):
    write(tmp_path / "pacs/a_ROI.dcm", made(mammogram(1), SOPInstanceUID=UIDS["a"]))
    labels = table(
        "labels.csv", ["sop_instance_uid", "label", *BOX], [[UIDS["a"], 1, *numbers(PLACES[0])]]
    )

    report, _ = imported("dicom", tmp_path / "pacs", labels=labels)

    assert (report.num_masses, report.skipped) == (1, ())


@pytest.mark.parametrize("code", ["399368009", "R-10226"])
def test_view_may_be_said_by_its_code_alone(tmp_path, table, imported, code):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code, "SCT"
    write(
        tmp_path / "pacs/a.dcm",
        made(mammogram(1), PatientID="P1", ImageLaterality="L", ViewCodeSequence=[item]),
    )
    labels = table(
        "labels.csv",
        ["patient_id", "side", "view", "label", *BOX],
        [["P1", "L", "MLO", 1, *numbers(PLACES[0])]],
    )

    _, rows = imported("dicom", tmp_path / "pacs", labels=labels)

    assert [row["view"] for row in rows] == ["MLO"]


def test_segments_that_are_no_masses_are_left_out_and_named(tmp_path, hospital, table, imported):
    outline = mask((1, 1, 230, 170)) > 0
    marks = np.stack([outline, mask(PLACES[0]) > 0, outline, mask(PLACES[1]) > 0])
    seg = segmentation(
        marks,
        [UIDS["a"], UIDS["a"], UIDS["c"], UIDS["c"]],
        segments=(MASS, BREAST, CALCIFICATION),
        of_frames=[2, 1, 2, 3],
    )
    write(hospital / "seg.dcm", seg)
    labels = table("labels.csv", ["file", "label"], [["a", "1"], ["c", "0"]])

    report, rows = imported("dicom", hospital, labels=labels)

    assert [(row["label"], box(row)) for row in rows] == [("1", PLACES[0])]
    assert "Segments of the type Breast are no abnormality and no masses." in report.notes
    assert ("seg.dcm", "segment not understood") in [(one.what, one.kind) for one in report.skipped]
    assert any("Individual Calcification" in one.reason for one in report.skipped)
    assert "Calcification" not in (report.folder / "import.json").read_text()


def test_unknown_segments_are_masses_where_the_user_calls_them_masks(
    tmp_path, hospital, table, imported
):
    unknown = ("85756007", "85756007", "Tissue")
    write(
        tmp_path / "seg.dcm",
        segmentation(mask(PLACES[0])[None] > 0, [UIDS["a"]], segments=(unknown,)),
    )
    labels = table("labels.csv", ["file", "label"], [["a", "1"]])

    report, rows = imported("dicom", hospital, labels=labels, masks=tmp_path / "seg.dcm")

    assert [box(row) for row in rows] == [PLACES[0]]
    assert any("type Tissue count as masses" in note for note in report.notes)


def test_label_map_is_a_segmentation(tmp_path, hospital, table, imported):
    write(
        hospital / "seg.dcm",
        segmentation((mask(PLACES[0]) > 0)[None] * 1, [UIDS["a"]], kind="LABELMAP"),
    )
    labels = table("labels.csv", ["file", "label"], [["a", "1"]])

    report, rows = imported("dicom", hospital, labels=labels)

    assert [box(row) for row in rows] == [PLACES[0]]
    assert {one.what for one in report.skipped} == {"p1/b.dcm", "p2/c.dcm"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("1.2.840.10008.5.1.4.1.1.66.5", "Surface Segmentation Storage"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR Storage"),
        ("1.2.840.10008.5.1.4.1.1.481.3", "RT Structure Set Storage"),
    ],
)
def test_marks_of_another_kind_are_named(hospital, table, imported, kind, name):
    write(hospital / "marks.dcm", made(SOPClassUID=kind, SOPInstanceUID=UIDS["f"]))
    labels = table("labels.csv", ["file", "label", *BOX], [["a", "1", *numbers(PLACES[0])]])

    report, _ = imported("dicom", hospital, labels=labels)

    (found,) = [one for one in report.skipped if one.kind == "marks not read"]
    assert found.what == "marks.dcm"
    assert f"got {name}, which is not read" in found.reason


def test_doubtful_patients_stop_the_import_until_somebody_says_which(
    tmp_path, hospital, table, imported
):
    labels = table(
        "labels.csv",
        ["file", "label", "patient_id", *BOX],
        [[n, "1", f"X{n}", *numbers(PLACES[0])] for n in "abc"],
    )
    plan = {"kind": "dicom", "source": hospital, "labels": labels}

    with pytest.raises(
        IngestionError, match="names 3 patients, the files' own PatientIDs 2 patients"
    ):
        imported("dicom", hospital, labels=labels)
    with pytest.raises(IngestionError, match="--patients-as-in table, or files"):
        preview_import(ImportPlan(name="own", **plan), tmp_path / "data", tmp_path / "home")

    for as_in, count in (("table", 3), ("files", 2)):
        report, rows = imported("dicom", hospital, labels=labels, patients_as_in=as_in, name=as_in)
        assert report.num_patients == len({row["patient"] for row in rows}) == count
        assert any("3 patients" in warning for warning in report.warnings)
        recorded = json.loads((report.folder / "import.json").read_text())["patients"]
        assert (recorded["as_in"], recorded["confirmed"]) == (as_in, True)
        assert (recorded["by_table"], recorded["by_files"]) == (3, 2)
        assert len(recorded["doubts"]) == 1


def test_record_says_how_patients_were_told_apart(hospital, pictures, table, imported):
    labels = table("labels.csv", ["file", "label", *BOX], [["a", "1", *numbers(PLACES[0])]])
    report, _ = imported("dicom", hospital, labels=labels)
    recorded = json.loads((report.folder / "import.json").read_text())
    assert recorded["patients"] == {
        "as_in": "files",
        "confirmed": False,
        "by_table": 0,
        "by_files": 1,
        "doubts": [],
    }

    labels = table("labels.csv", ["file", "label"], [["0", "1"], ["1", "0"]])
    report, _ = imported(
        "pictures", pictures, labels=labels, one_patient_per_file=True, name="each"
    )
    recorded = json.loads((report.folder / "import.json").read_text())
    assert (recorded["patients"]["as_in"], recorded["patients"]["confirmed"]) == ("each file", True)
