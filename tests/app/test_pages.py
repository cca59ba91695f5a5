import math

import pytest

from mammo_core import reference
from mammo_core.evaluation.curves import curve_points
from pages.ui.home import question
from tests.app.helpers import ROOT, open_page


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


@pytest.mark.parametrize("page", sorted(path.stem for path in (ROOT / "pages").glob("*.py")))
def test_every_page_opens_and_says_research_use_only(page):
    app = open_page(page)

    assert not app.exception
    assert "Research use only, not for diagnosis" in texts(app)


def test_front_page_says_how_to_get_data_and_what_is_shipped():
    app = open_page("home")

    assert "RichardObi/mammo_dp" in texts(app)
    assert "built-in demo" in texts(app)
    assert "578 training patients" in texts(app)
    assert "flow_gan: no guarantee" in texts(app) and "cascade: no guarantee" in texts(app)
    assert "cascade_private: (10, 0.0001)-differential privacy per patient" in texts(app)
    assert "processor cores" in texts(app)
    assert "your own: 0 runs" in texts(app)


def test_glossary_has_the_words_of_the_documents_and_finds_them():
    app = open_page("glossary")
    words = (ROOT / "pages/ui/shell/glossary.md").read_text(encoding="utf-8")
    assert words == (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8").removeprefix(
        "# Glossary\n\n"
    )
    assert "| twins |" in texts(app)

    app.text_input(key="glossary_search").set_value("BRIER").run()
    assert "| Brier score |" in texts(app) and "| twins |" not in texts(app)
    app.text_input(key="glossary_search").set_value("no such word").run()
    assert app.info[0].value == "No entry has these letters."


def test_front_page_answers_the_question_with_computed_numbers():
    app = open_page("home")
    points = curve_points(reference.measured_results())
    is_meant = (points["unit"] == "patient") & (points["strategy"] == "real")
    value = points[is_meant & (points["test_set"] == "cbis-ddsm")].set_index("target_epsilon")[
        "mean"
    ]

    six, one = (f"**.{100 * (value[math.inf] - value[epsilon]):02.0f}**" for epsilon in (6, 1))
    assert app.header[0].value == (
        f"On CBIS-DDSM, a whole patient's privacy at ε = 6 costs {six} AUROC; at ε = 1 it costs {one}."
    )
    assert len(app.get("plotly_chart")) == 1
    assert "Which one is malignant?" in [header.value for header in app.header]


def test_one_of_four_masses_is_malignant_wherever_it_stands():
    places = {question.place_of_malignant(number) for number in range(20)}

    assert places == {0, 1, 2, 3}


@pytest.mark.parametrize("is_right", [True, False])
def test_answer_to_the_question_is_judged_and_four_others_can_be_asked_for(is_right):
    app = open_page("home")
    right = question.place_of_malignant(0)

    app.session_state["question_answer"] = "ABCD"[right if is_right else right - 1]
    app.run()

    begin = "Yes" if is_right else "No"
    assert f"{begin}: **{'ABCD'[right]}** was drawn as malignant." in texts(app)
    assert "of 100 pairs of real masses" in texts(app)
    app.button(key="question_next").click().run()
    assert not app.exception
    assert "was drawn as malignant" not in texts(app)


def test_tour_is_gone_through_left_and_gone_on_with():
    app = open_page("home")
    app.button(key="enter_tour").click().run()
    told = []
    for _ in range(6):
        assert not app.exception and not app.error
        told.append(app.header[0].value)
        app.button(key="tour_next").click().run()
    assert len(set(told)) == 6
    assert told[0] == "Two kinds of masses"
    assert "tour" not in app.query_params
    assert app.button(key="enter_tour").label == "Tour of 3 minutes"

    app.query_params["tour"] = "3"
    app.run()
    assert app.header[0].value == told[2]
    app.button(key="tour_leave").click().run()
    assert app.button(key="enter_tour").label == "Go on with the tour (3 of 6)"
    app.button(key="enter_tour").click().run()
    assert app.header[0].value == told[2]


def test_slider_of_the_tour_shows_measured_accuracy_and_the_exact_bound():
    app = open_page("home")
    app.query_params["tour"] = "4"
    app.run()
    shown = []
    for epsilon in (1.0, math.inf):
        app.select_slider(key="tour_epsilon").set_value(epsilon).run()
        assert not app.exception
        shown.append({metric.label: metric.value for metric in app.metric})

    points = curve_points(reference.measured_results())
    points = points[
        (points["unit"] == "patient")
        & (points["strategy"] == "pretrain")
        & (points["test_set"] == "cbis-ddsm")
    ].set_index("target_epsilon")["mean"]
    assert [one["AUROC, CBIS-DDSM"] for one in shown] == [
        f"{points[epsilon]:.3f}" for epsilon in (1.0, math.inf)
    ]
    assert [one["An attacker identifies"] for one in shown] == [
        "at most 57 of 100",
        "at most 100 of 100",
    ]


def test_link_to_a_step_that_is_not_there_opens_home_and_says_so():
    app = open_page("home")
    app.query_params["tour"] = "9"
    app.run()

    assert not app.exception
    assert app.button(key="enter_tour")
    assert "tour" in app.warning[0].value
