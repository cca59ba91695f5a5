"""Tables that leave the program: no cell is a formula, nothing is lost on the way back."""

import io
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as pq

from mammo_core.storage.tables import escape_formula, parquet, read_csv, safe_csv, unescape_formula

FORMULAS = ("=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "=")


@pytest.mark.parametrize("cell", FORMULAS)
def test_cells_that_a_spreadsheet_would_run_get_an_apostrophe(cell):
    assert escape_formula(cell) == f"'{cell}"
    assert unescape_formula(escape_formula(cell)) == cell


@pytest.mark.parametrize("cell", ["-1.5", "+3e-4", "-.5", "text", "'quoted", "", "a=b", None, -2.5])
def test_numbers_and_other_texts_stay_as_they_are(cell):
    assert escape_formula(cell) == cell
    assert unescape_formula(cell) == cell


@given(st.text(alphabet="'=+-@\t\ra1", max_size=8))
def test_any_text_comes_back_as_it_was(text):
    assert unescape_formula(escape_formula(text)) == text
    if text[:1] in tuple("=+-@\t\r"):
        assert escape_formula(text)[0] == "'" or float(text) is not None


def test_csv_comes_back_with_names_numbers_and_header_as_they_were():
    table = pd.DataFrame(
        {
            "=name": ["=cmd|' /C calc'!A0", "CBIS-DDSM", 'a,"b"\nc'],
            "value": [-1.5, math.inf, 0.25],
            "count": [-1, 2, 3],
            "mixed": [-1, "-x", None],
        }
    )

    text = safe_csv(table)

    assert text.splitlines()[0].startswith("'=name,value,count")
    assert text.splitlines()[1].startswith("'=cmd|")
    assert ",-1.5,-1,-1" in text.splitlines()[1]
    back = read_csv(io.StringIO(text))
    pd.testing.assert_frame_equal(
        back[["=name", "value", "count"]], table[["=name", "value", "count"]], check_dtype=False
    )
    assert back["mixed"].tolist()[:2] == ["-1", "-x"]


def test_categories_are_neutralised_too():
    table = pd.DataFrame({"site": pd.Categorical(["=x", "b"])})

    assert safe_csv(table).splitlines()[1:] == ["'=x", "b"]


def test_parquet_keeps_types_and_says_where_it_is_from():
    table = pd.DataFrame(
        {"name": ["=a", "b"], "value": [1.5, -math.inf], "mixed": [1, "x"]}, index=[7, 9]
    )

    content = parquet(table, {"Title": "ε and ε", "Disclaimer": "Research use only"})

    read = pq.read_table(io.BytesIO(content))
    assert read.schema.metadata[b"Title"].decode() == "ε and ε"
    assert read.schema.metadata[b"Disclaimer"] == b"Research use only"
    back = pd.read_parquet(io.BytesIO(content))
    assert back["name"].tolist() == ["=a", "b"]
    assert back["value"].tolist() == [1.5, -math.inf]
    assert back["mixed"].tolist() == ["1", '"x"']
