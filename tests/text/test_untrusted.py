"""Names from outside, made fit to be shown in texts and figures."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mammo_core.figures.plotly_text import plotly_text
from mammo_core.text.untrusted import single_line
from pages.ui.components.messages import escape_markdown


@given(st.text(max_size=400))
def test_any_text_becomes_one_line_of_bounded_length(text):
    line = single_line(text)

    assert len(line) <= 120
    assert not any(unicodedata.category(one) in ("Cc", "Zl", "Zp", "Cs") for one in line)
    assert single_line(line) == line


def test_ordinary_names_stay_as_they_are():
    for name in ("CBIS-DDSM", "Klinik Süd (2019)", "乳房", "بيانات", "site_1"):
        assert single_line(name) == name


def test_directional_marks_cannot_reverse_a_name():
    assert single_line("gnp.\u202egpj\u202c") == "gnp.gpj"
    assert single_line("a\u2066b\u2069\u200fc") == "abc"


def test_long_names_keep_both_ends():
    line = single_line("start" + "x" * 300 + "end")

    assert line.startswith("start") and line.endswith("end") and len(line) == 120


@given(st.text(max_size=60))
def test_plotly_finds_no_markup_in_any_name(text):
    assert not {"<", ">"} & set(plotly_text(text))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("*a* _b_ `c`", r"\*a\* \_b\_ \`c\`"),
        ("[x](javascript:alert(1))", "\\[x\\](javascript\\:\u2060alert(1))"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)>"),
        ("$x$ ~~y~~ &lt;", "\\$x\\$ \\~\u2060\\~y\\~\u2060\\~ \\&lt;".replace("\u2060", "")),
        ("- a", r"\- a"),
        ("12. a", r"12\. a"),
        ("# a", r"\# a"),
        (r"\*", r"\\\*"),
        ("> a >= b", r"\> a >= b"),
        ("site_1 & co #2", "site_1 & co #2"),
        ("a | b", r"a \| b"),
        ("CBIS-DDSM (another site), 3.5: 90 %", "CBIS-DDSM (another site), 3.5: 90 %"),
    ],
)
def test_markup_is_escaped_and_nothing_else(name, shown):
    assert escape_markdown(name) == shown


@pytest.mark.parametrize(
    "name",
    [
        ":material/home:",
        ":red[x]",
        "https://example.org",
        "a@b.org",
        "www.b.org",
        "a -> b",
        "a -- b",
    ],
)
def test_what_would_become_an_icon_or_link_is_broken_up_invisibly(name):
    assert "\u2060" in escape_markdown(name)
    assert escape_markdown(name).replace("\u2060", "").replace("\\", "") == name
