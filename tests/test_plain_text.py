"""Names from outside, made fit to be shown in texts and figures."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_core.figures.plotly_text import plotly_text
from mammo_core.plain_text import one_line
from pages.ui.literal import literal


@given(st.text(max_size=400))
def test_any_text_becomes_one_line_of_bounded_length(text):
    line = one_line(text)

    assert len(line) <= 120
    assert not any(unicodedata.category(one) in ("Cc", "Zl", "Zp", "Cs") for one in line)
    assert one_line(line) == line


def test_ordinary_names_stay_as_they_are():
    for name in ("CBIS-DDSM", "Klinik Süd (2019)", "乳房", "بيانات", "site_1"):
        assert one_line(name) == name


def test_directional_marks_cannot_reverse_a_name():
    assert one_line("gnp.\u202egpj\u202c") == "gnp.gpj"
    assert one_line("a\u2066b\u2069\u200fc") == "abc"


def test_long_names_keep_both_ends():
    line = one_line("start" + "x" * 300 + "end")

    assert line.startswith("start") and line.endswith("end") and len(line) == 120


@given(st.text(max_size=60))
def test_plotly_finds_no_markup_in_any_name(text):
    assert not {"<", ">"} & set(plotly_text(text))


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_every_punctuation_mark_is_escaped(text):
    shown = literal(text)

    position = 0
    while position < len(shown):
        if shown[position] == "\\":
            position += 2
            continue
        assert shown[position].isalnum() or shown[position] in " …\u2060"
        position += 1


@pytest.mark.parametrize("name", [":material/home:", "https://example.org", "a@b.org", "www.b.org"])
def test_what_would_become_an_icon_or_link_is_broken_up_invisibly(name):
    assert "\u2060" in literal(name)
    assert literal(name).replace("\u2060", "").replace("\\", "") == name
