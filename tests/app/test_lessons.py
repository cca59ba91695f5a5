import io
import itertools
import math
from datetime import UTC, datetime

import pytest
from scipy import stats

from mammo_core import reference
from mammo_core.config.names import STRATEGY_NAMES, TEST_SET_NAMES
from mammo_core.config.runs import PAPER_DELTA
from mammo_core.storage.tables import read_csv, safe_csv
from pages.ui.lessons.catalogue import LESSONS
from pages.ui.lessons.given import Given
from pages.ui.lessons.lesson import AskedChoice, AskedNumber
from pages.ui.lessons.settings import LessonSettings
from pages.ui.lessons.sheets import answer_sheet, teachers_sheet
from tests.app.helpers import open_page

STRATEGIES = ("real", "real+synthetic", "pretrain")
BUDGETS = (0.1, 0.3, 1, 2, 3, 6, 12, 20, 60)
MANY_SETTINGS = [
    LessonSettings(epsilon, unit, strategy, test_set)
    for epsilon in (BUDGETS[0], BUDGETS[-1])
    for unit in ("patient", "image")
    for strategy in STRATEGIES
    for test_set in TEST_SET_NAMES
]
# what is predicted and moved, and which part of the page then agrees with the answer
RIGHT = {1: 2.0, 2: 57, 3: 25.0, 4: 3.8, 5: "one cannot tell"}
WRONG = {1: 60.0, 2: 90, 3: 14.0, 4: 10.0, 5: "better"}
SLIDERS = {
    1: ("lesson1_epsilon", 2.0, "0.774"),
    2: ("lesson2_epsilon", 1.0, "at most **57** of 100"),
    3: ("lesson3_masses", 14, "A patient with 14 masses: ε = 25.28."),
    4: ("lesson4_models", 10, "10 models: ε = 3.771. Adding ε gives 10."),
    5: ("lesson5_trainings", 10, "95 %: -.013 to +.019"),
}
ANSWERS = {1: "AUROC .774", 2: "57 of 100", 3: "25.28", 4: "3.771", 5: "+.003"}


def make_settings(**changed):
    chosen = {"epsilon": 1.0, "unit": "patient", "strategy": "real", "test_set": "cbis-ddsm"}
    return LessonSettings(**chosen | changed)


def open_lessons(**query):
    app = open_page("lessons", **query)
    assert not app.exception
    return app


def predict(app, number, prediction):
    """Fills in the form of the open lesson and sends it."""
    key = f"lesson{number}_prediction"
    found = [one for one in (*app.radio, *app.number_input) if one.key == key]
    found[0].set_value(prediction)
    app.button(key=f"lesson{number}_predict").click().run()
    assert not app.exception


def texts(app):
    shown = [*app.markdown, *app.caption, *app.success, *app.info, *app.metric]
    deltas = [metric.delta for metric in app.metric]
    return " ".join([element.value for element in shown] + deltas)


def normal_cdf(x):
    return math.erfc(-x / math.sqrt(2)) / 2  # NormalDist cancels digits far below 0


def delta_of(mu, epsilon):
    below, above = mu / 2 - epsilon / mu, -mu / 2 - epsilon / mu
    return normal_cdf(below) - math.exp(epsilon) * normal_cdf(above)


def bisect(function, low, high):
    """The zero of a function that falls from low to high."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return low


def mu_of(epsilon):
    return bisect(lambda mu: PAPER_DELTA - delta_of(mu, epsilon), 1e-3, 50)


def epsilon_of(mu):
    return bisect(lambda epsilon: delta_of(mu, epsilon) - PAPER_DELTA, 0, 700)


def aurocs(settings, strategy):
    """AUROC of single trainings by ε, straight from the shipped table."""
    rows = reference.measured_results()
    rows = rows[
        (rows["strategy"] == strategy)
        & (rows["unit"] == settings.unit)
        & (rows["test_set"] == settings.test_set)
    ]
    return rows.groupby(rows["target_epsilon"].astype(float))["auroc"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_cost_is_the_smallest_measured_budget_within_two_hundredths(strategy):
    for unit, test_set in itertools.product(("patient", "image"), TEST_SET_NAMES):
        settings = make_settings(unit=unit, strategy=strategy, test_set=test_set)
        means = aurocs(settings, strategy).mean()

        right = LESSONS[1].answer(settings)

        assert right.value == min(means.index[means >= means[math.inf] - 0.02])
        assert f"AUROC {means[right.value]:.3f}".replace("0.", ".") in right.text
        assert right.value in LESSONS[1].asked(settings).options


def test_exact_answers_follow_from_the_normal_distribution():
    for epsilon in BUDGETS:
        mu = mu_of(epsilon)

        identified, of_patient, together = (
            LESSONS[number].answer(make_settings(epsilon=epsilon)).value for number in (2, 3, 4)
        )

        assert identified == math.ceil(100 * normal_cdf(mu / 2))
        assert together == pytest.approx(epsilon_of(math.sqrt(10) * mu), rel=1e-6)
        assert epsilon < together < 10 * epsilon
        assert of_patient > 14 * epsilon
        if epsilon <= 6:  # e to the ε of others is no float64
            assert of_patient == pytest.approx(epsilon_of(14 * mu), rel=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_better_or_chance_follows_from_the_interval_of_welch(strategy):
    compared = "pretrain" if strategy == "real" else strategy
    verdicts = set()
    for epsilon, test_set in itertools.product(BUDGETS, TEST_SET_NAMES):
        settings = make_settings(epsilon=epsilon, strategy=strategy, test_set=test_set)
        sides = [aurocs(settings, one).get_group(epsilon) for one in (compared, "real")]
        interval = stats.ttest_ind(*sides, equal_var=False).confidence_interval(0.95)

        right = LESSONS[5].answer(settings)

        assert (interval.low > 0) == (right.value == "better")
        assert (interval.high < 0) == (right.value == "worse")
        assert f"{interval.low:+.3f} to {interval.high:+.3f}".replace("0.", ".") in right.text
        verdicts.add(right.value)
    assert {"better", "one cannot tell"} <= verdicts


def test_every_answer_is_possible_right_and_told_with_two_sentences_of_why():
    for settings in MANY_SETTINGS:
        for lesson in LESSONS.values():
            right, asked = lesson.answer(settings), lesson.asked(settings)
            assert asked.is_right(right.value, right.value)
            if isinstance(asked, AskedNumber):
                assert asked.low <= right.value <= asked.high
            assert right.why.count(". ") == 1 and right.why.endswith(".")


@pytest.mark.parametrize(
    ("asked", "right", "accepted", "refused"),
    [
        (AskedNumber("n", 0, 100, within=5), 57, (52, 62), (51, 63)),
        (AskedNumber("n", 0, 100, within=0.25, is_share=True), 40, (30, 50), (29.9, 50.1)),
        (AskedChoice("c", (1.0, 2.0, 3.0, 6.0), steps=1), 2.0, (1.0, 3.0), (6.0,)),
        (AskedChoice("c", ("a", "b", "c")), "b", ("b",), ("a", "c")),
    ],
)
def test_tolerance_ends_where_it_is_said_to(asked, right, accepted, refused):
    assert all(asked.is_right(prediction, right) for prediction in accepted)
    assert not any(asked.is_right(prediction, right) for prediction in refused)


@pytest.mark.parametrize("number", list(LESSONS))
def test_lesson_asks_first_then_lets_try_then_checks(number):
    key, place, told = SLIDERS[number]
    right = LESSONS[number].answer(make_settings())
    app = open_lessons(lesson=str(number))
    assert LESSONS[number].question(make_settings()) in texts(app)
    assert not app.get("plotly_chart") and ANSWERS[number] not in texts(app)

    predict(app, number, RIGHT[number])
    assert len(app.get("plotly_chart")) == 1
    assert "Right." not in texts(app) and right.why not in texts(app)
    sliders = app.select_slider if number < 3 else app.slider
    next(one for one in sliders if one.key == key).set_value(place).run()
    assert not app.exception and told in texts(app)

    app.button(key=f"lesson{number}_check").click().run()
    assert app.success[0].value.startswith("**Right.**") and right.text in app.success[0].value
    assert ANSWERS[number] in right.text and right.why in texts(app)


@pytest.mark.parametrize("number", list(LESSONS))
def test_wrong_prediction_is_told_what_is_right_and_stays(number):
    app = open_lessons(lesson=str(number))

    predict(app, number, WRONG[number])
    app.button(key=f"lesson{number}_check").click().run()

    assert app.info[0].value.startswith("**Not right.**")
    assert LESSONS[number].answer(make_settings()).text in app.info[0].value
    assert not app.success
    assert f"lesson{number}_predict" not in {button.key for button in app.button}


def test_impossible_or_missing_prediction_is_refused_with_a_reason():
    app = open_lessons(lesson="2")

    app.button(key="lesson2_predict").click().run()
    assert app.error[0].value.startswith("Expected a prediction; got none.")
    predict(app, 2, 130)
    assert "Expected Identified of 100: 50 to 100; got 130." in app.error[0].value
    assert not app.get("plotly_chart")
    app.button(key="lesson_next").click().run()
    assert app.query_params["lesson"] == "3" and not app.error


def test_link_of_a_teacher_opens_a_lesson_with_its_settings():
    app = open_lessons(
        lesson="5",
        lesson_epsilon="6",
        lesson_unit="image",
        lesson_strategy=STRATEGY_NAMES["real+synthetic"],
        lesson_test_set=TEST_SET_NAMES["bcdr"],
    )

    assert not app.warning
    assert app.header[0].value == "5. Better, or chance?"
    asked = make_settings(epsilon=6.0, unit="image", strategy="real+synthetic", test_set="bcdr")
    assert LESSONS[5].question(asked) in texts(app)

    predict(app, 5, "better")
    app.button(key="lesson5_check").click().run()
    assert app.success
    app.selectbox(key="lesson_test_set").set_value("cbis-ddsm").run()
    assert "lesson5_predict" in {button.key for button in app.button}, "another question"


def test_link_that_is_not_understood_is_reported():
    app = open_lessons(lesson="9", lesson_strategy="magic", lesson_epsilon="7", lesson_unit="cell")

    told = app.warning[0].value
    assert "lesson = 9: cannot be used. Shown instead: the list of lessons." in told
    assert "lesson_strategy = magic: cannot be used. Shown instead: real only." in told
    assert "lesson_epsilon = 7" in told and "lesson_unit = cell" in told
    assert app.button(key="lesson_open_5")


def test_answer_sheet_stays_while_pages_change_and_can_be_dropped():
    app = open_lessons()
    assert "lessons_name" not in {one.key for one in app.text_input}
    app.button(key="lesson_open_2").click().run()
    predict(app, 2, RIGHT[2])
    app.button(key="lesson2_check").click().run()
    app.text_input(key="lessons_name").set_value("Ada").run()

    app.button(key="lesson_list").click().run()
    app.switch_page("pages/glossary.py").run()
    app.switch_page("pages/lessons.py").run()

    (row,) = app.dataframe[0].value.to_dict("records")
    assert row["name"] == "Ada" and row["lesson"] == 2
    assert ":material/check: right" in texts(app)
    app.button(key="lessons_forget").click().run()
    app.button(key="lessons_drop_yes").click().run()
    assert not app.dataframe and "lessons_name" not in {one.key for one in app.text_input}


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "@Ada", "-Ada\nB"])
def test_answer_sheet_says_everything_and_runs_nothing_in_a_spreadsheet(name):
    settings = make_settings(unit="image", test_set="bcdr")
    at = datetime(2026, 11, 30, 9, 5, 7, tzinfo=UTC)
    answers = [
        Given(1, settings, 60.0, at, answers_shown=False, is_checked=True),
        Given(5, settings, "one cannot tell", at, answers_shown=True, is_checked=True),
    ]

    written = safe_csv(answer_sheet(answers, name))

    first, second = read_csv(io.StringIO(written)).to_dict("records")
    assert all(not line.startswith(("=", "@", "-", "+")) for line in written.splitlines())
    assert first == {
        "name": name.replace("\n", " "),
        "lesson": 1,
        "question": LESSONS[1].question(settings),
        "ε of the link": 1.0,
        "unit": "image",
        "training data": "real only",
        "test set": "BCDR (another site)",
        "prediction": "60",
        "right answer": LESSONS[1].answer(settings).text,
        "counts as right": "the neighbours on the list, too",
        "right": "no",
        "predicted at (UTC)": "2026-11-30 09:05:07",
        "answers shown before": "no",
    }
    assert (second["right"], second["answers shown before"]) == ("yes", "yes")
    assert "*" not in second["question"]


def test_sheet_for_teachers_is_shown_when_asked_for_and_noted_in_later_answers():
    app = open_lessons(lesson_epsilon="6")
    answers = teachers_sheet(make_settings(epsilon=6.0))["right answer"]
    assert "give the lessons away" in app.warning[0].value
    assert not any(right in texts(app) for right in answers)

    app.toggle(key="lessons_teacher").set_value(True).run()
    assert not app.exception and all(right in texts(app) for right in answers)

    app.button(key="lesson_open_2").click().run()
    predict(app, 2, 77)
    app.button(key="lesson2_check").click().run()
    assert app.dataframe[0].value["answers shown before"].tolist() == ["yes"]
