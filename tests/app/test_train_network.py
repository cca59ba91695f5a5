"""Training the network itself on the Train page, with a thread in place of Dask."""

import pytest

from mammo_core.experiments.run_archive import RunArchive
from pages.ui import jobs, train_network_form
from tests.app.helpers import open_page
from tests.app.test_runs_page import select
from tests.app.test_train_page import job_of, metric, start, texts
from tests.experiments.job_helpers import ThreadExecutors, wait_until_over


@pytest.fixture(autouse=True)
def executors(monkeypatch):
    monkeypatch.setattr(jobs, "make_executors", ThreadExecutors)


@pytest.fixture
def page():
    app = open_page("train")
    app.get_by_key("train_kind").set_value("the network itself (slow)").run()
    app.selectbox(key="train_strategy").set_value("real").run()
    app.get_by_key("network_part").set_value("head").run()
    app.number_input(key="network_steps_real_head").set_value(3).run()
    app.number_input(key="network_rate_real_head").set_value(1.0).run()
    assert not app.exception
    return app


def trained(page):
    start(page)
    assert wait_until_over(jobs.engine(), job_of(page)).state == "finished"
    return page.run()


def test_choice_is_explained_before_anything_starts(page):
    said = texts(page)

    assert metric(page, "μ") != "none"
    assert "An attacker who sees this model" in said
    assert "Every step sends images through the network: slow" in said
    assert "cannot be chosen on *Read a case* yet" in said
    assert "This cohort's ledger" in said


def test_sampled_units_are_explained_without_mu(page):
    page.number_input(key="network_steps_real_head").set_value(60).run()
    page.number_input(key="network_rate_real_head").set_value(0.25).run()

    assert metric(page, "μ") == "none"
    assert 1 < float(metric(page, "Attacker").rstrip("%")) < 100
    assert not page.exception


def test_time_is_measured_only_when_asked_for(page):
    assert "per step, measured just now" not in texts(page)

    page.button(key="network_time").click().run()

    assert "per step, measured just now on a few made-up images" in texts(page)
    assert not page.exception


def test_network_is_trained_shown_as_a_card_and_told_apart_among_runs(page, private_home):
    trained(page)

    assert not page.exception
    assert "**real only, head of a network**" in texts(page)
    assert {"AUROC, demo", "AUROC, demo-external"} <= {element.label for element in page.metric}
    runs = open_page("runs")
    assert runs.dataframe[0].value["trained part"].tolist() == ["head of a network"]
    select(runs, 0)
    runs.multiselect(key="repeat_epsilons").set_value([1.0])
    next(button for button in runs.button if button.label == "Start").click().run()
    (newest, *_) = jobs.views()
    assert newest.request.config.privacy.target_epsilon == 1.0
    assert newest.request.config.recipe.steps == 3
    assert wait_until_over(jobs.engine(), newest.id).state == "finished"
    assert RunArchive(private_home).count() == 2


def test_paper_preset_says_how_it_differs(page):
    page.selectbox(key="network_preset").set_value("dbr15").run()

    assert "How this differs from the paper" in [box.label for box in page.expander]
    assert "timm's ms_in1k" in texts(page)
    assert "No privacy (not DP)" in texts(page) or "No promise" in texts(page)
    assert not page.exception


def test_recipe_that_cannot_be_is_told_and_cannot_start(page, monkeypatch):
    monkeypatch.setattr(train_network_form, "choose_delta", lambda: 0.09)
    page.run()

    assert "Expected δ below 1 / 24" in page.error[0].value
    assert page.button(key="train_start").disabled
