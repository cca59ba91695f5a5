"""The pitfalls panel: what is not prevented comes first, everything can be found."""

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.privacy.pitfalls import PITFALLS


def panel():
    from pages.ui.privacy.pitfalls import show_pitfalls

    show_pitfalls()


@pytest.fixture
def shown():
    app = AppTest.from_function(panel, default_timeout=60).run()
    assert not app.exception
    return app


def names(app):
    return [expander.label for expander in app.expander]


def test_every_pitfall_is_there_and_what_is_not_prevented_comes_first_and_open(shown):
    open_ones = [pitfall.name for pitfall in PITFALLS if pitfall.status == "not prevented"]

    assert sorted(names(shown)) == sorted(pitfall.name for pitfall in PITFALLS)
    assert set(names(shown)[: len(open_ones)]) == set(open_ones)
    for expander in shown.expander:
        assert expander.proto.expanded == (expander.label in open_ones)
    assert f"**{len(open_ones)} are up to you**" in shown.markdown[0].value


def test_preventions_and_sources_are_shown(shown):
    words = " ".join(part.value for part in [*shown.markdown, *shown.caption])

    for pitfall in PITFALLS:
        for text in (pitfall.problem, pitfall.prevention, pitfall.source):
            assert text in words


def test_search_finds_by_any_words_and_says_when_there_is_nothing(shown):
    found = shown.text_input(key="trust_search").set_value("seed 32 BITS").run()
    assert names(found) == ["Seeds of 32 bits"]
    assert found.expander[0].proto.expanded

    nothing = shown.text_input(key="trust_search").set_value("unicorn").run()
    assert not nothing.exception
    assert names(nothing) == []
    assert "No known pitfall mentions “unicorn”" in nothing.info[0].value
