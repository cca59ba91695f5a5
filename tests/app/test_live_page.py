import json
import math
import os
import shutil
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import streamlit as st
from mlflow import MlflowClient

from mammo_core.cohorts.installed import DataSource, load_source
from mammo_core.jobs.requests import FeaturesRequest
from mammo_core.ledger.book import Budget
from mammo_core.ledger.records import MlflowRecords
from mammo_core.results.recording import EXPERIMENT
from mammo_core.system.paths import models_dir
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from pages.ui.components import feature_job
from pages.ui.components.privacy_inputs import EPSILONS
from pages.ui.live import kept, play, recording, training
from pages.ui.state import resources
from tests.app.helpers import open_page
from tests.cohorts.test_folders import name, write_png
from tests.helpers.jobs import write_cohort
from tests.helpers.made_ledgers import memory_ledger


@pytest.fixture(scope="module")
def drawn_demo(tmp_path_factory):
    """The tiny demo and its features, drawn and computed once; filled by the first test that needs it."""
    return {"features": tmp_path_factory.mktemp("features")}


@pytest.fixture
def tracked():
    """For tests that want releases recorded in MLflow; the others do without."""


@pytest.fixture
def demo_features(request, private_home, monkeypatch, drawn_demo):
    """The tiny demo with its features computed, as the job would have left them."""
    if "data" not in drawn_demo:
        data = load_source(DataSource())
        backbone = resources.DEMO_BACKBONE
        load_feature_dataset(data, backbone, drawn_demo["features"])
        drawn_demo["data"] = data
    shutil.copytree(drawn_demo["features"], private_home / "features")
    monkeypatch.setattr(resources, "load_source", lambda source: drawn_demo["data"])
    if "tracked" not in request.fixturenames:
        monkeypatch.setattr(recording, "track", lambda result: None)
        monkeypatch.setattr(recording, "find", lambda dataset, config: None)
        kept = memory_ledger()
        monkeypatch.setattr(resources, "ledger", lambda: kept)


@pytest.fixture
def real_cohort(tmp_path):
    """A folder with one mass of each class per split, and a file that is none."""
    for split in ("train", "test"):
        for flag, folder in ((0, "is_benign_false"), (1, "is_benign_true")):
            write_png(tmp_path / "data/cohort/site" / split / folder / name(flag=flag))
    (tmp_path / "data/cohort/site/train/is_benign_true/stray.png").write_bytes(b"")


def figure(app, key):
    (chart,) = [chart for chart in app.get("plotly_chart") if chart.proto.id.endswith(key)]
    return json.loads(chart.proto.spec)


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def counts(app):
    notes = figure(app, "live_confusion")["layout"]["annotations"]
    return [int(note["text"].split("</b>")[0].removeprefix("<b>")) for note in notes]


def set_slider(app, epsilon):
    return app.select_slider(key="live_epsilon").set_value(epsilon).run()


def let_timer_fire(app, *, frames_ago=0):
    """As the timer in the browser does, of the frame on the page or of an earlier one."""
    app.session_state["live_due"] = app.session_state["live_frame"] - frames_ago
    return app.run()


def timers(app):
    return [part for part in app.get("bidi_component") if part.proto.component_name == "play_timer"]


def test_live_retrains_when_the_budget_moves(demo_features):
    app = open_page("live")
    before = [figure(app, key)["data"] for key in ("live_roc", "live_scores")]

    set_slider(app, 0.05)

    assert not app.exception
    assert "ε spent **0.05**" in texts(app)
    assert [figure(app, key)["data"] for key in ("live_roc", "live_scores")] != before


def test_link_made_by_the_version_before_opens_with_its_choices(demo_features):
    old = {
        "live_epsilon": "2",
        "live_unit": "image",
        "live_seed": "7",
        "live_specificity": "80%",
        "live_test_set": "demo-external",
    }

    app = open_page("live", **old)

    assert not app.exception
    assert app.select_slider(key="live_epsilon").value == 2
    assert app.number_input(key="live_seed").value == 7
    assert app.select_slider(key="live_specificity").value == 0.8
    assert "ε spent **2**" in texts(app)


def test_live_records_each_release_once(tracked, demo_features, private_home):
    app = open_page("live")
    set_slider(app, 0.05)
    set_slider(app, 6.0)

    for future in app.session_state["live_tracked"].values():
        future.result(timeout=60)

    client = MlflowClient(f"sqlite:///{private_home / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert sorted(run.data.params["privacy.target_epsilon"] for run in runs) == ["0.05", "6.0"]
    assert {run.data.tags["origin"] for run in runs} == {"live"}


def test_one_move_of_the_slider_reads_the_ledger_once_and_scans_no_folder(
    tracked, demo_features, monkeypatch, tmp_path
):
    app = open_page("live")
    read, scanned = [], []
    search, scandir, listdir = MlflowRecords._search, os.scandir, os.listdir
    monkeypatch.setattr(MlflowRecords, "_search", lambda *given: read.append(1) or search(*given))
    monkeypatch.setattr(os, "scandir", lambda *path: scanned.append(path) or scandir(*path))
    monkeypatch.setattr(os, "listdir", lambda *path: scanned.append(path) or listdir(*path))

    for moves, epsilon in enumerate((0.05, 20.0, 6.0), start=1):
        set_slider(app, epsilon)
        assert not app.exception
        assert len(read) <= moves

    assert len(read) >= 2  # each new model is written down
    folders = (str(tmp_path / "data"), str(models_dir()))
    assert not [path for path in scanned if str(path[0]).startswith(folders)]


def test_live_shows_a_recorded_run_again_after_a_restart_and_releases_nothing(
    tracked, demo_features
):
    app = open_page("live")
    for future in app.session_state["live_tracked"].values():
        future.result(timeout=60)
    before = metrics(app), [figure(app, key)["data"] for key in ("live_roc", "live_scores")]
    training._trained.clear()  # as a restart of the server does

    again = open_page("live")

    assert not again.exception
    assert "shown again. This is **no new release**" in texts(again)
    after = metrics(again), [figure(again, key)["data"] for key in ("live_roc", "live_scores")]
    assert after == before
    assert len(resources.ledger().book().entries) == resources.archive().count() == 1
    set_slider(again, 8.0)
    assert "Retrained and tested in" in texts(again)


def test_live_trains_on_the_site_that_is_chosen_where_there_are_several(tmp_path, monkeypatch):
    source = write_cohort(tmp_path / "data/cohort")
    write_cohort(source.real, site="elsewhere")
    opened = []
    monkeypatch.setattr(
        feature_job, "open_dataset", lambda source: opened.append(source) or st.stop()
    )

    open_page("live").selectbox(key="live_site").set_value("site").run()

    assert [each.site for each in opened] == ["elsewhere", "site"]


def test_live_says_when_a_release_could_not_be_recorded(tracked, demo_features, monkeypatch):
    def full(self, result):
        raise OSError("disk full")

    monkeypatch.setattr(recording._Writer, "_record", full)
    app = open_page("live")
    next(iter(app.session_state["live_tracked"].values())).exception(timeout=60)

    app.run()

    assert not app.exception
    assert "could not be recorded in the run store: disk full" in app.warning[0].value


@pytest.fixture
def of_patients(monkeypatch):
    """Live takes the demo for a cohort of patients."""
    monkeypatch.setattr(kept, "has_patients", lambda source: True)


def test_arriving_trains_on_no_patient_before_that_is_chosen(demo_features, of_patients):
    app = open_page("live")
    set_slider(app, 0.05)

    assert not app.exception
    assert "Nothing is trained yet" in [header.value for header in app.header]
    assert not app.metric
    assert not resources.ledger().book().entries


def test_scratch_models_count_in_the_session_and_neither_in_runs_nor_in_the_ledger(
    demo_features, of_patients, monkeypatch
):
    tracked = []
    monkeypatch.setattr(recording, "track", tracked.append)
    app = open_page("live")
    app.button(key="live_scratch").click().run()
    set_slider(app, 8.0)

    assert not app.exception
    assert "Shown in this session: 2 models" in texts(app)
    assert metrics(app)["Total ε so far, patient"].startswith("10.9")
    assert "Not recorded" in texts(app)
    assert not tracked and not resources.ledger().book().entries

    app.button(key="live_record").click().run()
    assert [run.config.privacy.target_epsilon for run in tracked] == [8.0]
    assert [entry.release.target_epsilon for entry in resources.ledger().book().entries] == [8.0]


def test_recorded_models_of_patients_go_to_the_ledger(demo_features, of_patients):
    app = open_page("live")
    app.button(key="live_recorded").click().run()

    assert not app.exception and app.metric
    assert len(resources.ledger().book().entries) == 1


def test_a_cohort_with_a_budget_has_every_model_recorded(demo_features, of_patients, monkeypatch):
    data = resources.feature_dataset(DataSource())
    resources.ledger().set_budget(data.cohort_identity, Budget(epsilon=7.0, delta=1e-4))

    app = open_page("live")

    assert app.button(key="live_scratch").disabled
    assert "This cohort has a budget" in texts(app)


def test_a_budget_set_later_ends_what_is_only_tried_out(demo_features, of_patients):
    app = open_page("live")
    app.button(key="live_scratch").click().run()
    assert app.metric
    data = resources.feature_dataset(DataSource())
    resources.ledger().set_budget(data.cohort_identity, Budget(epsilon=7.0, delta=1e-4))

    set_slider(app, 8.0)

    assert not app.metric and app.button(key="live_scratch").disabled


def test_masses_of_nobody_are_trained_on_without_asking(demo_features, of_patients):
    app = open_page("live")

    app.selectbox(key="live_strategy").set_value("synthetic").run()

    assert app.metric and not app.exception


def test_curve_has_a_point_for_every_model_of_these_choices(demo_features):
    app = open_page("live")
    set_slider(app, 0.05)
    set_slider(app, math.inf)

    lines = {trace.get("name"): trace for trace in figure(app, "live_curve")["data"]}
    name = next(name for name in lines if name and name + ", ∞" in lines)
    assert lines[name]["x"] == [0.05, 6.0]
    assert len(lines[name + ", ∞"]["y"]) == 1
    assert lines[name + ", this model"]["y"] == lines[name + ", ∞"]["y"]


def test_live_evaluates_per_patient_and_trains_nothing_for_it(demo_features):
    app = open_page("live")
    by_mass = metrics(app)
    app.get_by_key("live_evaluated_per").set_value("patient").run()

    assert not app.exception
    names = {name for name in metrics(app) if name.startswith("AUROC")}
    assert names == {"AUROC per patient, demo", "AUROC per patient, demo-external"}
    spent = "Total ε so far, patient"
    assert metrics(app)[spent] == by_mass[spent]
    assert figure(app, "live_curve")["layout"]["yaxis"]["title"]["text"] == "AUROC per patient"
    assert "of 100 malignant patients" in texts(app)
    assert sum(counts(app)) == 12  # patients of the small demo's test set


def test_live_at_infinity_says_no_privacy_and_gives_no_total(demo_features):
    app = open_page("live")

    set_slider(app, math.inf)

    assert not app.exception
    assert "No privacy (not DP)" in texts(app)
    assert metrics(app)["ε of this model"] == "∞ (not DP)"
    assert metrics(app)["Total ε so far, patient"] == "∞ (not DP)"


def test_live_adds_up_what_was_released(demo_features):
    app = open_page("live")

    set_slider(app, 8.0)
    set_slider(app, 6.0)  # the same model again is no new release

    assert "Shown in this session: 2 models" in texts(app)
    assert "they cost **ε = 10.9" in texts(app)
    assert metrics(app)["Total ε so far, patient"].startswith("10.9")
    assert [round(y, 1) for y in figure(app, "live_total")["data"][1]["y"]] == [6.0, 10.9]


def test_live_charges_each_new_model_once(demo_features):
    app = open_page("live")
    set_slider(app, 8.0)
    set_slider(app, 6.0)  # shown again, not trained again

    entries = resources.ledger().book().entries

    assert [entry.release.target_epsilon for entry in entries] == [6.0, 8.0]
    assert {entry.origin for entry in entries} == {"live"}


def test_live_obeys_the_budget_unless_given_a_reason(demo_features):
    app = open_page("live")
    ledger = resources.ledger()
    (patients,) = ledger.book().cohorts.values()
    ledger.set_budget(patients, Budget(epsilon=7.0, delta=1e-4))

    set_slider(app, 20.0)
    assert not app.exception
    assert "Nothing was computed" in app.error[0].value
    assert len(ledger.book().entries) == 1

    app.text_input(key="live_beyond_budget").set_value("for the talk").run()
    assert not app.error
    assert ledger.book().entries[-1].reason == "for the talk"


def test_live_specificity_moves_the_counts_and_the_test_set_itself_is_called_optimistic(
    demo_features,
):
    app = set_slider(open_page("live"), math.inf)  # without noise, no two scores are alike
    strict = counts(app)
    assert strict[3] / (strict[2] + strict[3]) >= 0.9

    app.select_slider(key="live_specificity").set_value(0.5).run()

    found, missed, false_alarms, cleared = counts(app)
    assert found + missed == strict[0] + strict[1]
    assert found >= strict[0] and false_alarms > strict[2] and cleared < strict[3]
    assert "chosen on demo itself" in texts(app) and "optimistic" in texts(app)


def test_live_chooses_the_threshold_on_validation_masses_where_there_are_any(
    demo_features, monkeypatch
):
    opened = feature_job.open_dataset

    def with_validation(source):
        dataset = opened(source)
        return replace(dataset, validation=dataset.test_sets["demo-external"], _prepared={})

    monkeypatch.setattr(feature_job, "open_dataset", with_validation)
    app = set_slider(open_page("live"), math.inf)
    elsewhere = counts(app)

    app.get_by_key("live_test_set").set_value("demo-external").run()

    assert "specificity on validation masses of the training site" in texts(
        app
    ) and "optimistic" not in texts(app)
    *_, false_alarms, cleared = counts(app)
    assert cleared / (cleared + false_alarms) >= 0.9  # the very masses it was chosen on
    assert counts(app) != elsewhere


def test_live_judges_the_chosen_test_set(demo_features):
    app = open_page("live")

    app.get_by_key("live_test_set").set_value("demo-external").run()

    assert not app.exception
    assert "On demo-external, the model finds" in texts(app)


@pytest.mark.parametrize(
    "wrong",
    [
        {"live_epsilon": "-3"},
        {"live_strategy": "magic"},
        {"live_unit": "hospital"},
        {"live_specificity": "140%"},
        {"live_seed": "many"},
        {"talk": "1", "step": "99"},
        {"talk": "1", "step": "two"},
    ],
)
def test_live_survives_a_link_with_impossible_choices(demo_features, wrong):
    app = open_page("live", **wrong)

    assert not app.exception
    (warning,) = app.warning
    assert "Not all of this link was understood" in warning.value
    assert metrics(app)["ε of this model"] in ("6", "0.5", "∞ (not DP)")


def test_live_plays_every_budget_and_ends_without_privacy(demo_features):
    app = open_page("live")

    app.button(key="live_play").click().run()

    shown = [app.select_slider(key="live_epsilon").value]
    while app.session_state["live_playing"]:
        let_timer_fire(app)
        assert not app.exception
        shown.append(app.select_slider(key="live_epsilon").value)
    assert shown == [epsilon for epsilon in EPSILONS if epsilon >= 0.1]
    assert f"Shown in this session: {len(shown)} models" in texts(app)


def test_live_pauses_resumes_and_stops_where_it_began(demo_features):
    app = open_page("live")
    app.button(key="live_play").click().run()
    let_timer_fire(app)

    app.button(key="live_pause").click().run()
    let_timer_fire(app)  # it was under way
    assert app.select_slider(key="live_epsilon").value == 0.2

    app.button(key="live_play").click().run()
    assert play._PLAYING in app.session_state
    assert app.select_slider(key="live_epsilon").value == 0.2

    app.button(key="live_stop").click().run()
    assert app.select_slider(key="live_epsilon").value == 6.0
    assert app.button(key="live_stop").disabled


def test_a_frame_has_one_timer_which_starts_when_it_is_drawn_and_counts_once(demo_features):
    app = open_page("live")
    assert not timers(app)
    app.button(key="live_play").click().run()
    (timer,) = timers(app)
    assert json.loads(timer.proto.json) == {"frame": 1, "milliseconds": 1000}

    let_timer_fire(app)
    assert app.select_slider(key="live_epsilon").value == 0.2
    let_timer_fire(app, frames_ago=1)  # again, or late

    assert app.select_slider(key="live_epsilon").value == 0.2
    assert app.session_state["live_playing"]
    (timer,) = timers(app)
    assert json.loads(timer.proto.json)["frame"] == 2


def test_what_is_sent_before_the_next_budget_is_drawn_does_not_move_the_slider_back(demo_features):
    app = open_page("live")
    app.button(key="live_play").click().run()
    let_timer_fire(app)
    app.session_state["live_drawn"] -= 1  # the rerun below broke this one off

    app.select_slider(key="live_specificity").set_value(0.5)
    app.select_slider(key="live_epsilon").set_value(0.1).run()  # as the browser still shows it

    assert not app.exception
    assert app.session_state["live_playing"]
    assert app.select_slider(key="live_epsilon").value == 0.2
    assert metrics(app)["ε of this model"] == "0.2"

    set_slider(app, 0.1)  # now it is drawn: this is the user
    assert not app.session_state["live_playing"]
    assert metrics(app)["ε of this model"] == "0.1"


def test_moving_the_slider_ends_playing(demo_features):
    app = open_page("live")
    app.button(key="live_play").click().run()

    set_slider(app, 20.0)

    assert not app.session_state["live_playing"]
    assert app.select_slider(key="live_epsilon").value == 20.0


def test_live_in_talk_mode_steps_through_budgets_and_really_retrains(demo_features):
    app = open_page("live", talk="1")
    assert metrics(app)["ε of this model"] == "∞ (not DP)"
    first = figure(app, "live_roc")["data"]

    app.button(key="live_next").click().run()

    assert app.query_params["step"] == "2"
    assert metrics(app)["ε of this model"] == "20"
    assert figure(app, "live_roc")["data"] != first
    set_slider(app, 3.0)  # the speaker may leave the path
    assert metrics(app)["ε of this model"] == "3"
    app.button(key="leave_talk").click().run()
    assert "talk" not in app.query_params and "step" not in app.query_params
    assert app.button(key="enter_talk")


def test_live_says_research_use_only_and_that_the_demo_is_no_mammogram(demo_features):
    said = texts(open_page("live"))

    assert "Research use only, not for diagnosis" in said
    assert "not mammograms" in said


def test_live_with_an_unusable_cohort_shows_the_error_and_no_traceback(tmp_path):
    for split in ("train", "test"):
        write_png(tmp_path / f"data/cohort/site/{split}/is_benign_true" / name(flag=1))

    app = open_page("live")

    assert not app.exception
    assert "Expected benign and malignant masses in the part 'train'" in app.error[0].value


def test_live_lists_files_left_out_and_asks_before_a_long_computation(real_cohort, monkeypatch):
    started = []
    monkeypatch.setattr(feature_job.jobs, "views", list)
    monkeypatch.setattr(feature_job.jobs, "start", started.append)

    app = open_page("live")

    assert not app.exception
    assert "have no features yet" in app.warning[0].value
    assert app.expander[0].label == "Left out of this cohort: 1 file"
    assert not started


def test_visitors_who_come_at_once_share_one_job(monkeypatch):
    request = feature_job._request(DataSource())
    started, others = [], []

    def start(request):
        other = threading.Thread(target=lambda: others.append(feature_job._start(request)))
        other.start()
        other.join(timeout=0.3)  # long enough to start a job of its own, if it could
        started.append(SimpleNamespace(id="job 1", request=request, state="queued"))
        started[-1].other = other
        return "job 1"

    monkeypatch.setattr(feature_job.jobs, "views", lambda: list(started))
    monkeypatch.setattr(feature_job.jobs, "start", start)

    assert feature_job._start(request) == "job 1"
    started[0].other.join(timeout=60)
    assert (len(started), others) == (1, ["job 1"])


def test_live_has_the_features_computed_by_a_job(real_cohort, monkeypatch):
    started, shown = [], []
    monkeypatch.setattr(feature_job.jobs, "views", list)
    monkeypatch.setattr(feature_job.jobs, "start", lambda job: started.append(job) or "job 1")
    job = SimpleNamespace(is_over=False)
    monkeypatch.setattr(feature_job, "show_job", lambda job_id: shown.append(job_id) or job)
    app = open_page("live")

    app.button(key="compute_features").click().run()

    assert not app.exception
    (request,) = started
    assert isinstance(request, FeaturesRequest)
    assert request.source.name == "cohort"
    assert shown == ["job 1"]
    assert "continues by itself" in texts(app)
    assert not app.metric  # nothing is claimed before there are features

    job.is_over = True
    app.button(key="compute_features").click().run()

    assert "continues by itself" not in texts(app)  # a job that was cancelled or broke off
