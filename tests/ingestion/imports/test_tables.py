import time

import psutil
import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports import tables
from mammo_core.ingestion.imports.annotations import read_annotations, rows_about
from mammo_core.ingestion.imports.tables import read_table
from tests.helpers.sizes import few_or_many

TEXT = "File;Label;Größe\nä.dcm;benign;1,5\n\nb.dcm;malignant;2\n"


@pytest.fixture
def table(tmp_path):
    """Writes bytes, or text in an encoding, and reads them as a table."""

    def read(content, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_table(path)

    return read


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_usual_encoding_and_delimiter_gives_the_same(table, encoding, delimiter):
    text = TEXT.replace("1,5", '"1,5"').replace(";", delimiter)

    found = table(text, encoding)

    assert found.frame.columns.tolist() == ["file", "label", "größe"]
    assert found.column("file").tolist() == ["ä.dcm", "b.dcm"]
    assert found.column("größe").tolist() == ["1,5", "2"]


def test_nothing_nan_and_na_are_empty_and_numbers_stay_text(table):
    found = table("file,label,patient\n007, NaN ,N/A\n1e5,,none\n")

    assert found.column("file").tolist() == ["007", "1e5"]
    assert found.column("label").tolist() == found.column("patient").tolist() == ["", ""]


def test_rows_cut_short_are_filled_and_line_breaks_in_cells_are_kept_out_of_names(table):
    found = table('file,label,note\n"a\n.dcm\n",benign\nb.dcm,benign,x\n')

    assert found.column("file").tolist() == ["a\n.dcm", "b.dcm"]
    assert found.column("note").tolist() == ["", "x"]


def test_formulas_are_text_when_read(table):
    found = table('file,label\n"=""00123""",=HYPERLINK(1)\n@x,+1\n')

    assert found.column("file").tolist() == ["00123", "@x"]
    assert found.column("label").tolist() == ["=HYPERLINK(1)", "+1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got: No columns to parse"),
        (b"\n\n", "got: No columns"),
        (b"file,label\n", "Expected rows below the header of labels.csv; got none"),
        (
            b"file,label\na,b,c,d\n",
            r"as many cells in each row; got: .*Expected 2 fields in line 2",
        ),
        (b'file,label\n"a,b\n', "as many cells in each row; got: .*EOF inside string"),
        (b"PK\x03\x04\0\0\1\0\0\0\0\0", "got zero bytes. Save the table as CSV"),
    ],
)
def test_what_is_no_table_is_refused(table, content, message):
    with pytest.raises(IngestionError, match=message):
        table(content)


def test_missing_file_and_missing_column_say_what_to_do(tmp_path, table):
    with pytest.raises(IngestionError, match="Expected a table at lost.csv; .*No such file.*Check"):
        read_table(tmp_path / "lost.csv")
    with pytest.raises(
        IngestionError,
        match="Expected a column label or class in labels.csv; got file. Add or rename",
    ):
        table("file\na\n").required("label", "class")


def test_too_large_a_table_is_refused_before_it_is_read(table, monkeypatch):
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", 10)

    with pytest.raises(IngestionError, match="Expected a table of at most"):
        table("file,label\na,benign\n")


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
def test_first_line_of_excel_names_the_delimiter(table, line):
    found = table(f"{line}\nfile;label;x\na.dcm;benign;85,5\nb,c.dcm;malignant;1\n")

    assert found.column("file").tolist() == ["a.dcm", "b,c.dcm"]
    assert found.column("x").tolist() == ["85,5", "1"]
    assert found.line(1) == 4
    assert (found.delimiter, table("file,label\na,1\n").line(0)) == (";", 2)


@pytest.mark.parametrize(("written", "mark"), [(r"\t", "\t"), ("\t", "\t"), ("|", "|"), (",", ",")])
def test_any_delimiter_may_be_named(table, written, mark):
    found = table(f"sep={written}\nfile{mark}label\na.dcm{mark}benign\n")

    assert found.column("label").tolist() == ["benign"]


def test_columns_of_one_name_do_no_harm_where_they_are_not_needed(table):
    found = table("file,note,label,Note,other\na,x,1,y,z\n")

    assert found.column("label").tolist() == ["1"]
    with pytest.raises(
        IngestionError, match="one column note in labels.csv; got several that diff"
    ):
        found.column("note")


def test_columns_of_one_name_that_say_the_same_are_one(table):
    found = table("file,File,label\na.dcm,a.dcm,1\n")

    assert found.column("file").tolist() == ["a.dcm"]


def test_names_are_compared_as_one_reads_them(table):
    found = table("file,gr\u006f\u0308\u00dfe\nMu\u0308ller.png,1\n")

    assert found.column("file").tolist() == ["M\u00fcller.png"]
    assert found.column("gr\u00f6\u00dfe").tolist() == ["1"]


@few_or_many("num_rows", 100_000, 1_000_000)
def test_many_rows_are_read_and_understood_within_bounds(num_rows, tmp_path):
    path = tmp_path / "big.csv"
    with path.open("w") as file:
        file.write("file,patient_id,side,view,label,x,y,width,height,birth date\n")
        for row in range(num_rows):
            file.write(f"d/{row:07d}.dcm,P{row // 4},L,CC,benign,{row % 99},10,20,30,1960-01-01\n")
    before, start = psutil.Process().memory_info().rss, time.process_time()

    found = read_table(path)

    seconds = time.process_time() - start
    assert len(found) == num_rows
    assert found.column("file")[-1] == f"d/{num_rows - 1:07d}.dcm"
    assert psutil.Process().memory_info().rss - before < 2_000 * num_rows
    assert seconds < 5e-5 * num_rows  # of a processor; it takes a tenth of that


def annotations(table, text, **settings):
    found = read_annotations(table(text), **{"with_labels": True, **settings})
    return found.rows, found.bad


def test_box_that_cannot_be_is_named_with_its_line(table):
    rows, bad = annotations(
        table,
        "file,label,x,y,width,height\na,1,1,2,3,4\nb,1,1,2,0,4\nc,1,1,x,3,4\nd,1,-1e99,2,3,4\n,1,1,2,3,4\n",
    )

    assert [row.file for row in rows] == ["a"]
    assert [(row.line, row.kind) for row in bad] == [
        (3, "box not understood"),
        (4, "box not understood"),
        (5, "box not understood"),
        (6, "image not named"),
    ]


def test_rows_that_say_the_same_count_once(table):
    rows, bad = annotations(table, "file,label\na,1\na,malignant\nb,0\n")

    assert ([row.file for row in rows], bad) == (["a", "b"], [])


def test_one_image_of_two_patients_is_refused(table):
    with pytest.raises(IngestionError, match="lines 2 and 3 of labels.csv differ. Correct one"):
        annotations(
            table,
            "file,label,patient,x,y,width,height\na,1,P1,1,1,9,9\na,1,P2,50,50,9,9\n",
        )


def test_table_that_names_no_image_is_refused(table):
    with pytest.raises(IngestionError, match="Expected a column side or laterality"):
        annotations(table, "patient,label\nP1,1\n")


def test_rows_about_some_images_are_found_quickly_in_a_long_table(table):
    text = "file,sop_instance_uid,patient_id,side,view,label\n" + "".join(
        f"{file},{uid},{patient},L,CC,1\n"
        for file, uid, patient in (
            ("other.dcm", "", "P1"),
            ("X\\A.DCM", "", "P9"),
            ("", "1.2.3", "P9"),
            ("", "1.2.4", "P1"),
            ("", "", "P1"),
            ("", "", "P2"),
            ("", "", ""),
        )
    )

    about = rows_about(table(text), names={"a.dcm", "a"}, uids={"1.2.3"}, patients={"P1"})

    assert [about.line(row) for row in range(len(about))] == [3, 4, 6, 8]
