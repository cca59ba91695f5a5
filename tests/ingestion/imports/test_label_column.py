import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.annotations import read_annotations
from mammo_core.ingestion.imports.tables import read_table
from mammo_core.labels import BENIGN, MALIGNANT


@pytest.fixture
def read(tmp_path):
    """Reads rows after a first column `file`."""

    def annotations(columns, *rows):
        path = tmp_path / "labels.csv"
        lines = [f"file,{columns}", *(f"{number}.png,{row}" for number, row in enumerate(rows))]
        path.write_text("\n".join(lines), encoding="utf-8")
        return read_annotations(read_table(path), with_labels=True)

    return annotations


@pytest.mark.parametrize(
    ("column", "benign", "malignant"),
    [
        ("label", "0", "1"),
        ("label", "0.0", "1.0"),
        ("malignant", "0.00", "1.000"),
        ("pathology", "BENIGN_WITHOUT_CALLBACK", "MALIGNANT"),
        ("is_benign", "1", "0"),
        ("is_benign", "1.0", "0.0"),
        ("is_benign", "TRUE", "False"),
        ("is_benign", "yes", "no"),
        ("diagnosis", "B", "M"),
    ],
)
def test_words_and_numbers_of_both_classes_are_read(read, column, benign, malignant):
    found = read(column, benign, malignant)

    assert [row.label for row in found.rows] == [BENIGN, MALIGNANT]
    assert found.notes == (f"Labels are read from {column}.",)


@pytest.mark.parametrize("word", ["2", "0.5", "1.01", "10", "maybe", "", "01.0"])
def test_other_words_are_named_with_their_line(read, word):
    found = read("label,x", "1,", f"{word},")

    assert [row.label for row in found.rows] == [MALIGNANT]
    assert [(row.line, row.kind) for row in found.bad] == [(3, "label not understood")]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("class,malignant", ("mass,1", "calcification,0")),
        ("class,malignant", ("3,1", "1,0")),
        ("label,is_benign", ("MLO,0", "CC,1")),
        ("diagnosis,pathology", ("IDC,MALIGNANT", "cyst,BENIGN")),
        ("class,malignant", (",1", ",0")),
    ],
)
def test_column_that_is_no_label_hides_no_good_one(read, columns, rows):
    found = read(columns, *rows)

    assert [row.label for row in found.rows] == [MALIGNANT, BENIGN]
    assert found.bad == []
    assert found.notes == (f"Labels are read from {columns.split(',')[1]}.",)


def test_columns_that_agree_are_no_doubt(read):
    found = read("label,is_benign", "1,0", "0,1")

    assert [row.label for row in found.rows] == [MALIGNANT, BENIGN]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("class,malignant", ("1,1", "1,0")),
        ("label,is_benign", ("1,0", "1,1")),
    ],
)
def test_columns_that_contradict_are_refused(read, columns, rows):
    with pytest.raises(IngestionError, match=r"contradict each other in line 3. Rename or remove"):
        read(columns, *rows)
