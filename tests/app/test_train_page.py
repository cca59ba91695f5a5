"""The Train page and its jobs, with a thread in place of Dask."""

import json
from types import SimpleNamespace

import pytest

from mammo_core.cohorts.installed import DataSource
from mammo_core.jobs.store import JobStore
from mammo_core.results.archive import RunArchive
from pages.ui.state import jobs
from pages.ui.train import results
from tests.app.helpers import open_page
from tests.helpers.jobs import (
    ThreadExecutors,
    features_request,
    wait_for,
    wait_until_over,
    write_cohort,
)


def texts(app):
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return " ".join(element.value for kind in kinds for element in kind)


@pytest.fixture
def executors(monkeypatch):
    made = ThreadExecutors()
    monkeypatch.setattr(jobs, "make_executors", lambda: made)
    return made


@pytest.fixture
def waiting_executors(monkeypatch):
    made = ThreadExecutors(waits=True)
    monkeypatch.setattr(jobs, "make_executors", lambda: made)
    return made


def metric(app, label):
    return next(element.value for element in app.metric if element.label.startswith(label))


def start(app):
    app.button(key="train_start").click().run()
    assert not app.exception
    return app


def job_of(app):
    return app.selectbox(key="train_job").value


@pytest.mark.parametrize(
    ("key", "typed", "said"),
    [
        ("train_seed", -1, "Expected Seed: 0 or more; got -1."),
        ("train_delta", 0.5, "Expected δ (slack of the guarantee): 1e-09 to 0.1; got 0.5."),
    ],
)
def test_number_beyond_its_limit_stays_and_is_told_and_nothing_can_be_started(
    executors, key, typed, said
):
    app = open_page("train")
    right = app.number_input(key=key).value

    app.number_input(key=key).set_value(typed).run()

    assert not app.exception
    assert app.number_input(key=key).value == typed
    assert [error.value.removesuffix(" Type another number.") for error in app.error] == [said]
    assert "train_start" not in [button.key for button in app.button]
    app.number_input(key=key).set_value(right).run()
    assert not app.error and not app.button(key="train_start").disabled


def test_page_says_what_a_choice_means_before_training(executors):
    app = open_page("train")

    assert (metric(app, "Noise"), metric(app, "μ"), metric(app, "Attacker")) == (
        "6.85",
        "1.46",
        "19.3%",
    )
    assert "at most 19.3% of the 24 patients it was trained on" in texts(app)
    assert "ε = 6 per patient, δ = 0.0001, end to end" in texts(app)
    assert "Demonstration with no patients behind the masses" in texts(app)
    assert "come from the generator flow_gan. It learned from other patients" in texts(app)
    assert "Nothing was trained here yet" in texts(app)

    app.select_slider(key="train_epsilon").set_value(1.0).run()
    assert float(metric(app, "Attacker").rstrip("%")) < 5


def test_cohort_with_two_training_sites_is_trained_on_the_chosen_one(waiting_executors, tmp_path):
    source = write_cohort(tmp_path / "data/cohort")
    write_cohort(source.real, site="elsewhere")
    app = open_page("train")
    assert app.selectbox(key="train_site").options == ["elsewhere", "site"]

    app.selectbox(key="train_site").set_value("site").run()
    app.number_input(key="train_delta").set_value(1e-3).run()
    assert "of the 12 patients" in texts(app)
    assert app.button(key="train_start").disabled is False
    request = requested(app)

    assert request.source.site == "site"
    app.selectbox(key="train_cohort").set_value(DataSource()).run()
    assert not [box for box in app.selectbox if box.key == "train_site"]


def requested(app):
    """The request of the job that the page starts, which is then left alone."""
    view = jobs.job_queue().store.view(job_of(start(app)))
    jobs.job_queue().cancel(view.id)
    return view.request


def test_only_finished_features_are_called_ready(monkeypatch):
    said = []
    monkeypatch.setattr(results.st, "success", lambda text, **_: said.append(text))

    for state in ("interrupted", "failed", "cancelled"):
        results.show_results(SimpleNamespace(request=features_request(DataSource()), state=state))
    assert not said

    results.show_results(SimpleNamespace(request=features_request(DataSource()), state="finished"))
    assert said == ["The features are ready."]


def test_no_privacy_is_called_so(executors):
    app = open_page("train")

    app.select_slider(key="train_epsilon").set_value(float("inf")).run()

    assert "No privacy (not DP)" in texts(app)
    assert metric(app, "μ") == "∞"


def test_delta_too_large_for_the_patients_is_refused_before_anything_starts(executors):
    app = open_page("train")

    app.number_input(key="train_delta").set_value(0.06).run()

    assert "Expected δ below 1 / 24" in app.error[0].value
    assert app.button(key="train_start").disabled


def test_training_ends_in_a_result_card_with_both_sites(executors, private_home):
    app = start(open_page("train"))
    view = wait_until_over(jobs.job_queue(), job_of(app))
    assert view.state == "finished"

    app.run()

    assert not app.exception
    assert {element.label for element in app.metric} >= {"AUROC, demo", "AUROC, demo-external"}
    assert "Finished" in texts(app)
    assert "ε spent 6 per patient" in texts(app)
    names = {
        trace.get("name") for trace in json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    }
    assert {"demo", "demo-external"} <= names
    (run_id,) = set(RunArchive(private_home).rows()["run_id"])
    for tab, expected in (
        ("Operating point", "sensitivity"),
        ("Calibration", "Training aims at ranking masses"),
        ("Guarantee", "ε = 6 per patient, δ = 0.0001, end to end"),
    ):
        app.session_state[f"tab_{run_id}"] = tab
        app.run()
        assert not app.exception
        assert expected in texts(app)


def test_sweep_ends_in_curves_and_a_choice_of_runs(executors):
    app = open_page("train")
    app.get_by_key("train_many").set_value("several at once").run()
    app.multiselect(key="train_epsilons").set_value([1.0, 6.0]).run()
    app.number_input(key="train_num_seeds").set_value(2).run()
    assert "**8 runs**" in texts(app)

    start(app)
    assert wait_until_over(jobs.job_queue(), job_of(app)).state == "finished"
    app.run()

    assert not app.exception
    assert "8 runs" in [element.value for element in app.header]
    assert len(next(box for box in app.selectbox if box.label == "Run").options) == 8


def test_sweep_of_nothing_says_what_to_choose(executors):
    app = open_page("train")
    app.get_by_key("train_many").set_value("several at once").run()

    app.multiselect(key="train_epsilons").set_value([]).run()

    assert "Expected at least one ε" in app.error[0].value


def test_waiting_job_shows_its_place_and_can_be_cancelled_and_continued(waiting_executors):
    app = start(open_page("train"))
    first = job_of(app)
    app.number_input(key="train_seed").set_value(7).run()
    start(app)
    second = job_of(app)
    assert second != first
    assert "1 job before this one" in texts(app)

    app.button(key=f"cancel_{second}").click().run()
    assert not app.exception
    assert jobs.job_queue().store.view(second).state == "cancelled"
    app.run()
    app.button(key=f"continue_{second}").click().run()
    assert jobs.job_queue().store.view(second).state == "queued"


def test_interrupted_job_says_so_and_goes_on_when_asked(executors, private_home):
    from mammo_core.cohorts.installed import DataSource
    from tests.helpers.jobs import sweep_request

    store = JobStore(private_home)
    lost = store.add(sweep_request(DataSource(), seeds=(1,), epsilons=(6.0,)), "someone", 0)
    store.begin(lost.id)
    store._client.set_tag(lost.id, "heartbeat", "1")

    app = open_page("train")
    assert not app.exception
    assert "The process of this job has ended" in texts(app)

    app.button(key=f"continue_{lost.id}").click().run()
    assert wait_until_over(jobs.job_queue(), lost.id).state == "finished"


def test_failed_job_shows_why(executors, tmp_path):
    from mammo_core.cohorts.installed import DataSource
    from tests.helpers.jobs import features_request

    job_id = jobs.job_queue().start(features_request(DataSource(tmp_path / "gone")), "me").id
    wait_for(lambda: jobs.job_queue().store.view(job_id).state, lambda state: state == "failed")

    app = open_page("train")

    assert not app.exception
    assert "Expected a folder of masses" in app.error[0].value


def test_unknown_job_in_the_link_shows_the_newest(executors):
    app = open_page("train")
    start(app)
    known = job_of(app)

    other = open_page("train", job="no-such-job")

    assert not other.exception
    assert job_of(other) == known
    assert "Shown instead: the newest job" in other.warning[0].value
