"""Nothing that identifies a patient is written by an import, wherever it was planted."""

import re

import pytest
from PIL import Image
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.cohort_writer import partial_folder
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.run import preview_import, run_import
from mammo_core.ingestion.imports.splitting import SplitPlan
from tests.ingestion.images.made_dicom import content as file_content
from tests.ingestion.images.made_dicom import dataset, made
from tests.ingestion.imports.made_imports import (
    PLACES,
    mammogram,
    mask,
    write,
    write_png,
    write_table,
)

pytestmark = pytest.mark.usefixtures("in_process")
MARK = "ZQXWV"  # every planted word has it
UID_MARK = "1.2.826.0.1.9988776655"
DATE_MARK = "19370"
TEXT_VRS, DATE_VRS = ("PN", "LO", "SH", "LT", "ST", "UT", "UC"), ("DA", "DT")
NEEDED = ("SOPClassUID", "SOPInstanceUID", "PatientID", "TransferSyntaxUID")


class Planted:
    """Gives secrets away, each another one with a mark."""

    def __init__(self):
        self.count = 0

    def word(self):
        self.count += 1
        return f"{MARK}{self.count:05d}"

    def date(self):
        self.count += 1
        return f"{DATE_MARK}{1 + self.count % 9}{10 + self.count % 18}"

    def uid(self):
        self.count += 1
        return f"{UID_MARK}.{self.count}"


def planted_dicom(planted, patient):
    """A mammogram with a secret in every text, date and UID element of the dictionary, and in private and nested ones."""
    data = dataset(mammogram(planted.count), PatientID=patient, SOPInstanceUID=planted.uid())
    for tag, (vr, multiplicity, _, retired, keyword) in DicomDictionary.items():
        if retired or not keyword or keyword in NEEDED or tag >> 16 in (0x0000, 0x0002):
            continue
        count = int(multiplicity.split("-")[0])
        for vrs, plant in (
            (TEXT_VRS, planted.word),
            (DATE_VRS, planted.date),
            (("UI",), planted.uid),
        ):
            if vr in vrs:
                data.add_new(tag, vr, plant() if count == 1 else [plant() for _ in range(count)])
    for keyword in ("ImageLaterality", "ViewPosition", "PresentationIntentType", "VOILUTFunction"):
        setattr(data, keyword, planted.word())
    nested = Dataset()
    nested.ReferencedSOPInstanceUID, nested.CodeMeaning = planted.uid(), planted.word()
    data.ReferencedImageSequence = Sequence([nested])
    block = data.private_block(0x0011, planted.word(), create=True)
    block.add_new(0x01, "LO", planted.word())
    return data


@pytest.fixture
def source(tmp_path):
    """A hospital folder full of secrets with its tables: masks, bad masks, a broken file, lost images."""
    planted = Planted()
    root = tmp_path / f"export of {planted.word()}"
    labels, boxes = [], []
    for number in range(6):
        patient = planted.word()
        name, folder = f"{planted.word()}.dcm", planted.word()
        write(root / folder / name, file_content(planted_dicom(planted, patient)))
        cells = [f"{folder}/{name}", number % 2, patient, planted.word(), planted.date()]
        labels.append([*cells, planted.word(), planted.word(), planted.word()])
        top, left, height, width = PLACES[0]
        if number < 3:
            boxes.append([f"{folder}/{name}", left, top, width, height, planted.word()])
        elif number == 3:
            write_png(root / folder / name.replace(".dcm", "_mask.png"), mask())
        elif number == 4:  # a mask that cannot be used
            write_png(root / folder / name.replace(".dcm", "_mask.png"), mask() // 255 * 0)
    broken = planted.word()
    write(root / f"{broken}.dcm", made(mammogram(1), PatientID=planted.word())[:3000])
    labels.append([f"{broken}.dcm", 1, planted.word(), *["x"] * 5])
    labels.append([f"{planted.word()}.dcm", 1, planted.word(), *["x"] * 5])
    top, left, height, width = PLACES[0]
    boxes.append([f"{broken}.dcm", left, top, width, height, ""])
    write(root / f"{planted.word()}.bin", b"notes on " + planted.word().encode())
    columns = ["file", "label", "patient_id", "name", "birth date", "shape", "density", "view"]
    labels_path = write_table(tmp_path / f"{planted.word()}.csv", columns, labels)
    boxes_path = write_table(
        tmp_path / f"{planted.word()}.csv", ["file", "x", "y", "width", "height", "remark"], boxes
    )
    return root, labels_path, boxes_path


def secrets_in(content):
    """What of the planted is in some bytes, in any case, in 8 or 16 bits a letter."""
    content = content.lower().replace(b"\0", b"")
    marks = (MARK.lower(), UID_MARK, DATE_MARK, "1937-0", "1937/0")
    return [mark for mark in marks if mark.encode() in content]


def assert_clean(folder):
    """No file or folder below has a secret in its name or bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() and path.suffix != ".png" else b""
        assert not secrets_in(str(path.relative_to(folder)).encode() + b" " + content), path
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            assert image.size == (128, 128)
            assert not image.info
            chunks = set(
                re.findall(rb"(IHDR|IDAT|IEND|tEXt|zTXt|iTXt|eXIf|tIME)", path.read_bytes())
            )
        assert chunks == {b"IHDR", b"IDAT", b"IEND"}


@pytest.fixture
def plan(source):
    root, labels, boxes = source
    return ImportPlan(
        kind="dicom",
        source=root,
        name="own",
        labels=labels,
        boxes=boxes,
        split=SplitPlan(val_share=0.3, test_share=0.3),
    )


def test_planted_identifiers_are_in_no_byte_that_is_written(tmp_path, plan, caplog):
    caplog.set_level(0)
    report = run_import(plan, tmp_path / "data", tmp_path / "home", workers=1)

    assert report.num_masses == 4
    assert {one.kind for one in report.skipped} >= {
        "mask cannot be used",
        "image cannot be used",
        "image not found",
        "no box",
        "no image",
    }
    assert (report.folder / "import.json").stat().st_size > 500
    assert_clean(tmp_path / "data")
    assert_clean(tmp_path / "home")
    for record in caplog.records:
        assert not secrets_in(record.getMessage().encode()), record


def test_the_test_itself_finds_a_planted_identifier(tmp_path, plan):
    report = run_import(plan, tmp_path / "data", tmp_path / "home", workers=1)
    marker = report.folder / "import.json"
    marker.write_text(marker.read_text() + f"{MARK}00007".lower())

    with pytest.raises(AssertionError, match="import.json"):
        assert_clean(tmp_path / "data")


def test_an_interrupted_import_leaves_no_identifier(tmp_path, plan):
    done = []

    report = run_import(
        plan,
        tmp_path / "data",
        tmp_path / "home",
        workers=1,
        on_progress=lambda now, total: done.append((now, total)),
        should_stop=lambda: bool(done) and done[-1] == (2, 6),
    )

    assert report.folder is None
    assert (partial_folder(tmp_path / "data", "own") / "journal.jsonl").read_text().count("\n") == 2
    assert_clean(tmp_path / "data")


def test_a_preview_leaves_no_identifier(tmp_path, plan):
    preview_import(plan, tmp_path / "data", tmp_path / "home", workers=1)

    assert_clean(tmp_path / "home")
    assert not (tmp_path / "data").exists()


def test_messages_of_refused_imports_name_tables_but_not_patients(tmp_path, source, plan):
    _, labels, _ = source
    lines = labels.read_text().splitlines()
    labels.write_text("\n".join([*lines, lines[1].replace(",0,", ",1,", 1)]))

    with pytest.raises(IngestionError) as refused:
        run_import(plan, tmp_path / "data", tmp_path / "home", workers=1)

    assert not secrets_in(str(refused.value).replace(labels.name, "").encode())


def test_pseudonyms_follow_the_patient_and_the_installation(tmp_path, plan):
    first = run_import(plan, tmp_path / "data", tmp_path / "home", workers=1)
    again = run_import(plan, tmp_path / "data2", tmp_path / "home", workers=1)
    other = run_import(plan, tmp_path / "data3", tmp_path / "home3", workers=1)

    def names(report):
        return {path.name.split("_")[0] for path in report.folder.rglob("*.png")}

    assert names(first) == names(again)
    assert not names(first) & names(other)
