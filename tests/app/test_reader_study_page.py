"""The page Reader study in process: blind before an answer, kept after it, results once all have finished."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.labels import CLASS_NAMES
from mammo_core.studies.choosing import StudyPlan, make_study
from mammo_core.studies.store import StudyStore
from mammo_core.studies.study import readings
from mammo_core.system.paths import data_dir, home_dir
from pages.ui.masses import drawing
from pages.ui.study import reading as reading_part
from pages.ui.study import studies
from tests.app.helpers import ROOT, open_page
from tests.app.test_pages import texts
from tests.cohorts.test_folders import name, write_png
from tests.studies.made import read_all


@pytest.fixture(autouse=True)
def quick_hand(monkeypatch):
    """Tests may answer at once."""
    monkeypatch.setattr(reading_part, "_SHORTEST_S", 0.0)


def small_study(**changes):
    """A study of four simulated masses, saved here."""
    plan = {"name": "Small", "question": "class", "sources": ("simulated",), "num_cases": 4}
    plan = StudyPlan(**(plan | {"num_training": 0, "repeats": 0} | changes))
    study = make_study(plan, drawing.cards(), None)
    StudyStore(home_dir()).save(study)
    return study


def open_study(study, reader="Ada", **link):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90).run()
    for part, value in {"study": study.title, "reader": reader, **link}.items():
        app.query_params[part] = value
    return app.switch_page("pages/reader_study.py").run()


def press(app, begin):
    """Presses the button whose key begins so."""
    (button,) = [one for one in app.button if (one.key or "").startswith(begin)]
    return button.click().run()


def answer(app, value=None):
    if value is not None:
        app.slider[0].set_value(value).run()
    return press(app, "study_answer")


def all_that_is_sent(app):
    """Every element with all its fields, as it goes to the browser."""
    return "".join(str(element.proto) for element in app.main if hasattr(element, "proto"))


def kept(study, reader="Ada"):
    return StudyStore(home_dir()).read(study, reader).answers


def test_first_visitor_sees_a_case_of_the_example_and_learns_its_truth_after_the_answer():
    app = open_page("reader_study")

    assert not app.exception
    assert [one.value for one in app.header] == ["Benign or malignant?"]
    assert "the class that the generator was asked for" in texts(app)
    (reader,) = [one.value for one in app.text_input]
    assert re.fullmatch("guest [0-9a-f]{4}", reader) and app.query_params["reader"] == reader
    assert not (home_dir() / "studies").exists()

    answer(app, 90)
    study = studies.example()
    (given,) = kept(study, reader)
    case = study.by_id[given.reading.cases[0]]
    assert given.value == 90
    assert f"drawn as **{CLASS_NAMES[case.label]}**" in texts(app)
    assert app.header[0].value == ("Right" if case.label else "Not right")
    press(app, "study_next")
    assert app.header[0].value == "Benign or malignant?" and app.slider[0].value == 50


def test_with_a_cohort_the_example_asks_which_masses_are_real_and_keeps_no_trace_of_patients():
    for patient in range(6):
        for flag, folder in ((0, "is_benign_false"), (1, "is_benign_true")):
            pixels = np.full((128, 128), 10 * patient + flag, np.uint8)
            file = data_dir() / "cohort/s/test" / folder / name(f"p{patient}x{flag}", flag)
            write_png(file, pixels)
    app = open_page("reader_study")
    assert app.header[0].value == "Generated or real?"
    assert not re.search(r"p\dx\d", all_that_is_sent(app))

    for _ in range(10):
        answer(app, 80)
        press(app, "study_next")

    (key,) = StudyStore(home_dir()).keys()
    study = StudyStore(home_dir()).find(key)
    given = kept(study, app.text_input[0].value)
    assert sum(study.truth(study.by_id[one.reading.cases[0]]) for one in given) == 5
    files = [path.read_text() for path in (home_dir() / "studies").rglob("*.json*")]
    assert len(files) == 2 and not any(re.search(r"p\dx\d", text) for text in files)


def test_before_the_answer_nothing_tells_class_source_or_case():
    study = small_study(sources=("simulated", "cascade"), num_cases=8)
    app = press(open_study(study), "study_begin")
    for step in readings(study, "Ada"):
        case = study.by_id[step.cases[0]]
        said = all_that_is_sent(app)
        for secret in (case.id, case.source, case.key, "simulated", "cascade"):
            assert secret not in said.replace(study.key, ""), secret
        others = re.sub("(Benign or malignant|surely benign|surely malignant)", "", said)
        assert not re.search("benign|malignant", others, re.I)
        assert "mass to judge" in said and app.query_params.keys() == {"study", "reader"}
        answer(app)
    assert "has answered all 8" in app.success[0].value


def test_reader_goes_on_after_a_reload_and_readers_have_orders_of_their_own():
    study = small_study()
    app = press(open_study(study), "study_begin")
    answer(app, 10)
    answer(app, 20)

    again = open_study(study, "ada")
    assert "has answered 2 of 4" in texts(again)
    press(again, "study_begin")
    answer(again, 30)
    press(open_study(study, "Bob"), "study_begin")

    assert [one.value for one in kept(study)] == [10, 20, 30]
    assert [one.reading for one in kept(study)] == list(readings(study, "Ada")[:3])


def test_double_click_answers_one_case(monkeypatch):
    monkeypatch.setattr(reading_part, "_SHORTEST_S", 3600.0)
    study = small_study()
    app = press(open_study(study), "study_begin")

    answer(app)

    assert kept(study) == () and app.slider


def test_answer_given_in_another_window_is_told_and_not_overwritten():
    study = small_study()
    first, second = (press(open_study(study), "study_begin") for _ in range(2))
    answer(first, 10)

    answer(second)  # 50, to the same case

    assert "answered it in another window" in second.error[0].value
    assert [one.value for one in kept(study)] == [10]


def test_break_hides_the_case_keeps_the_score_and_does_not_count(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("pages.ui.study.clock.time.monotonic", lambda: now[0])
    study = small_study()
    app = press(open_study(study), "study_begin")
    app.slider[0].set_value(70).run()
    now[0] += 5
    press(app, "study_break")
    assert "time stands still" in app.info[0].value and "mass to judge" not in all_that_is_sent(app)

    now[0] += 1000
    press(app, "study_resume")
    now[0] += 2
    answer(app)

    (given,) = kept(study)
    assert (given.value, given.seconds) == (70, 7.0)


def test_second_pass_shows_the_score_of_the_model_after_a_pause(monkeypatch):
    from mammo_core.studies import aid as core_aid

    monkeypatch.setattr(core_aid, "aid_of", lambda *_: core_aid.Aid(0.83, 0.41))
    study = small_study(aid_epsilon=2.0)
    app = press(open_study(study), "study_begin")
    for _ in range(4):
        assert not app.metric
        answer(app)
    assert "Now the same cases with a model's help" in texts(app)
    press(app, "study_begin")

    assert app.metric[0].label == "The model at ε = 2 says malignant"
    assert (app.metric[0].value, app.metric[0].delta) == ("83 of 100", "malignant from 41 on")


def test_pairs_are_answered_by_choosing_one():
    study = small_study(form="forced choice", mode="teaching")
    app = press(open_study(study), "study_begin")
    assert app.header[0].value == "Which one is malignant?"

    press(app, "study_pick_100")

    (given,) = kept(study)
    right = study.truth(study.by_id[given.reading.cases[1]]) == 1
    assert app.header[0].value == ("Right" if right else "Not right")
    assert "First: " in texts(app) and "Second: " in texts(app)


def test_research_results_wait_for_all_who_have_begun():
    study = small_study()
    store = StudyStore(home_dir())
    read_all(store, study, "Ada")
    read_all(store, study, "Bob", steps=2)
    app = open_study(study, study_tab="Results")

    assert [list(frame.value) for frame in app.dataframe] == [["reader", "answered"]]
    assert "1 of 2 readers finished" in app.info[0].value and not app.get("plotly_chart")
    read_all(store, study, "Bob")
    app.run()

    (table,) = [frame.value for frame in app.dataframe]
    assert list(table["reader"]) == ["mean of 2", "Ada", "Bob"]
    assert len(app.get("plotly_chart")) == 1
    assert "Cohen's kappa between readers" in texts(app)


def test_script_prints_the_table_of_the_page(capsys):
    study = small_study()
    read_all(StudyStore(home_dir()), study, "Ada")
    app = open_study(study, study_tab="Results")
    (script,) = [code.value for code in app.code if code.language == "python"]

    exec(compile(script, "script.py", "exec"), {"__name__": "__main__"})

    first, row, *_ = capsys.readouterr().out.splitlines()
    (table,) = [frame.value for frame in app.dataframe]
    assert first == "Small: benign or malignant, 4 cases"
    assert all(f"{name}: {value}" in row for name, value in table.iloc[0].items() if value)


def test_answers_are_exported_with_a_name_from_outside():
    study = small_study(name="../<b>*Mine*")
    read_all(StudyStore(home_dir()), study, "<i>Ada</i>")

    app = open_study(study, reader="<i>Ada</i>", study_tab="Results")

    assert not app.exception
    labels = [one.proto.label for one in app.get("download_button")]
    assert "For iMRMC" in labels and any("answers.csv" in label for label in labels)


def test_study_nobody_has_read_says_so():
    app = open_study(small_study(), study_tab="Results")

    assert "Nobody has read this study yet" in app.info[0].value


def test_study_is_set_up_frozen_and_chosen():
    app = open_page("reader_study")
    app.query_params["study_tab"] = "Set up"
    app.run()
    app.text_input(key="study_set_name").set_value("Mine <b>")
    app.button_group(key="study_set_sources_class").set_value(["simulated"])
    app.number_input(key="study_set_cases").set_value(6)
    app.number_input(key="study_set_repeats").set_value(2)
    app.selectbox(key="study_set_aid").set_value(6.0).run()

    press(app, "study_freeze")

    assert not app.exception
    (key,) = StudyStore(home_dir()).keys()
    study = StudyStore(home_dir()).find(key)
    assert (len(study.cases), study.repeats, study.aid_epsilon) == (6, 2, 6.0)
    assert app.selectbox(key="study").value == study.title
    assert study.link in [code.value for code in app.code]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("study_set_cases", 2, "Expected Cases: 4 to 1000"),
        ("study_set_repeats", 30, "<= 20; got 30"),
    ],
)
def test_impossible_study_is_told_and_nothing_is_made(key, value, told):
    app = open_page("reader_study")
    app.query_params["study_tab"] = "Set up"
    app.run()
    app.number_input(key=key).set_value(value).run()
    if not app.error:
        press(app, "study_freeze")

    assert told in app.error[0].value
    assert StudyStore(home_dir()).keys() == []


def test_changed_study_is_told_and_the_others_stay():
    study, other = small_study(), small_study(seed=5)
    path = StudyStore(home_dir()).folder / other.key / "study.json"
    path.write_text(path.read_text().replace('"research"', '"teaching"'))
    app = open_study(study)

    assert "changed after it was made" in app.error[0].value
    assert study.title in app.selectbox(key="study").options
    assert other.title not in app.selectbox(key="study").options


def test_study_whose_masses_are_not_installed_shows_none():
    study = small_study()
    drawing.cards()["simulated"].__dict__["sha256"] = "0" * 64

    app = open_study(study)

    assert "Get the generator that the study was made with" in app.error[0].value
