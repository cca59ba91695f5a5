"""What a link asks of a page: values in every spelling, what cannot be used, what nobody reads, and the one notice."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.helpers import open_page


def script():
    import streamlit as st

    from pages.ui.components import links
    from pages.ui.components.inputs import draw_open_tab
    from pages.ui.components.links import from_link, linked

    links.begin("page")
    linked(st.number_input)("Seed", 0, 100, 7, key="seed")
    linked(st.slider)("Variety", 0.1, 1.0, 1.0, 0.05, key="variety")
    linked(st.select_slider)("ε", (1.0, 6.0, 20.0), 6.0, format_func="{:g}".format, key="epsilon")
    linked(st.selectbox)("Unit", ("patient", "image"), key="unit", format_func=str.upper)
    linked(st.selectbox)("Own", ("a", "b"), index=None, key="own")
    linked(st.pills)("Sets", ("x", "y", "z"), selection_mode="multi", default=["x"], key="sets")
    linked(st.toggle)("Paper", value=True, key="paper")
    linked(st.text_input)("Search", key="search")
    draw_open_tab({"One": lambda: None, "Two": lambda: None}, "tab")
    from_link("step", {"1": 1, "2": 2}.get, 1, "the first")
    st.button("Higher", on_click=lambda: st.session_state.update(seed=8))
    links.end()


def opened(**query):
    app = AppTest.from_function(script)
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"seed": "7"},  # what is shown anyway
        {"seed": "12", "variety": "0.5", "epsilon": "20", "unit": "IMAGE", "own": "b"},
        {"variety": "1", "epsilon": "6", "unit": "PATIENT", "paper": "true", "tab": "One"},
        {"sets": ["y", "z"], "paper": "false", "search": "a b", "tab": "Two", "step": "2"},
        {"own": "", "sets": "", "search": ""},  # cleared
    ],
)
def test_link_that_is_understood_gets_no_notice(query):
    assert not opened(**query).warning


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"seed": "101"}, "seed = 101: cannot be used. Shown instead: 7."),
        ({"seed": "-1"}, "seed = -1: cannot be used. Shown instead: 7."),
        ({"seed": "many"}, "seed = many: cannot be used. Shown instead: 7."),
        ({"seed": "nan"}, "Shown instead: 7."),
        ({"seed": "9" * 400}, "Shown instead: 7."),
        ({"seed": "-inf"}, "seed = -inf: cannot be used. Shown instead: 7."),
        ({"variety": "7"}, "Shown instead: 1.0."),
        ({"variety": "inf"}, "Shown instead: 1.0."),
        ({"epsilon": "7"}, "epsilon = 7: cannot be used. Shown instead: 6."),
        ({"unit": "HOSPITAL"}, "Shown instead: PATIENT."),
        ({"unit": ""}, "unit = (empty): cannot be used. Shown instead: PATIENT."),
        ({"own": "c"}, "own = c: cannot be used. Shown instead: nothing."),
        ({"sets": ["y", "mars"]}, "sets = y, mars: cannot be used. Shown instead: y."),
        ({"sets": "mars"}, "Shown instead: x."),
        ({"paper": "maybe"}, "Shown instead: True."),
        ({"tab": "Three"}, "Shown instead: One."),
        ({"step": "3"}, "step = 3: cannot be used. Shown instead: the first."),
        ({"epsilom": "20"}, "epsilom = 20: has no effect here."),
        ({"*a*": "[b](http://c.example)"}, "\\*a\\* = \\[b\\](http"),
    ],
)
def test_part_that_cannot_be_used_is_named_with_what_is_shown_instead(query, said):
    app = opened(**query)

    (warning,) = app.warning
    assert said in warning.value.replace("\u2060", "")


def test_notice_is_one_stays_short_and_goes_when_the_value_is_changed():
    app = opened(seed="101", paper="maybe", **{f"unknown{i}": "x" * 500 for i in range(9)})
    (warning,) = app.warning
    assert "And 5 others." in warning.value and len(warning.value) < 700

    app = opened(seed="101", paper="maybe").run()
    assert "seed = 101" in app.warning[0].value and "paper = maybe" in app.warning[0].value
    app.number_input(key="seed").set_value(9).run()
    assert "seed" not in app.warning[0].value
    app.toggle(key="paper").set_value(False).run()
    assert not app.warning


def test_page_goes_on_after_an_infinite_number_in_the_link():
    app = opened(seed="1e999")

    app.number_input(key="seed").set_value(9).run()

    assert not app.exception and not app.warning
    assert app.number_input(key="seed").value == 9


def test_value_that_the_page_changes_by_itself_is_no_fault_of_the_link():
    app = opened(seed="9")

    app.button[0].click().run()

    assert app.number_input(key="seed").value == 8 and not app.warning


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("train", {"train_epsilon": "7.77", "train_kind": "magic", "foo": "1"}),
        ("read_case", {"case_source": "mine", "foo": "1"}),
    ],
)
def test_pages_name_every_part_that_they_did_not_understand(page, query):
    app = open_page(page, **query)

    (warning,) = app.warning
    assert all(f"{name} = " in warning.value for name in query)
