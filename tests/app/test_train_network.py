"""Training the network itself on the Train page, with a thread in place of Dask."""

import pytest

from mammo_core.errors import BackboneError
from mammo_core.jobs import network_handler
from mammo_core.reference import paper_results
from mammo_core.results.archive import RunArchive
from pages.ui.components.run_card import facts_of
from pages.ui.state import jobs, resources
from pages.ui.train import network_backbone, network_form
from tests.app.helpers import open_page
from tests.app.test_runs_page import select
from tests.app.test_train_page import job_of, metric, start, texts
from tests.helpers.jobs import ThreadExecutors, wait_until_over


@pytest.fixture(autouse=True)
def executors(monkeypatch):
    monkeypatch.setattr(jobs, "make_executors", ThreadExecutors)


@pytest.fixture
def page():
    app = open_page("train")
    app.get_by_key("train_kind").set_value("slow: full network").run()
    app.selectbox(key="train_strategy").set_value("real").run()
    app.get_by_key("network_part").set_value("head").run()
    app.number_input(key="network_steps_real_head").set_value(3).run()
    app.number_input(key="network_rate_real_head").set_value(1.0).run()
    assert not app.exception
    return app


def measure(page):
    """Has the time measured by a job, which the page does not wait for."""
    page.button(key="network_time").click().run()
    _, job_id = page.session_state["network_timed"]
    assert jobs.job_queue().store.view(job_id).request.kind == "timing"
    wait_until_over(jobs.job_queue(), job_id)
    page.run()


def trained(page):
    start(page)
    assert wait_until_over(jobs.job_queue(), job_of(page)).state == "finished"
    return page.run()


def test_choice_is_explained_before_anything_starts(page):
    said = texts(page)

    assert metric(page, "μ") != "none"
    assert "Anyone who sees this model" in said
    assert "Trains on **CPU, " in said
    assert "no GPU" in said
    assert (
        "Every step runs images through the network. This takes minutes to hours with a GPU" in said
    )
    assert "*Read a case* cannot use its model yet" in said
    assert "Ledger of this cohort" in said


def test_sampled_units_are_explained_without_mu(page):
    page.number_input(key="network_steps_real_head").set_value(60).run()
    page.number_input(key="network_rate_real_head").set_value(0.25).run()

    assert metric(page, "μ") == "none"
    assert 1 < float(metric(page, "Attacker").rstrip("%")) < 100
    assert not page.exception


def test_time_is_measured_only_when_asked_for_and_counted_on_from_there(page):
    assert "made-up images" not in texts(page)

    measure(page)

    assert "for each of 3 private steps. Scoring" in texts(page)
    page.number_input(key="network_steps_real_head").set_value(7).run()
    assert "for each of 7 private steps. Scoring" in texts(page)
    assert not page.exception


def test_network_that_cannot_be_timed_is_told_and_hides_nothing_else(page, monkeypatch):
    def fail(*_, **__):
        raise BackboneError("Expected weights; got none. Give a file.")

    monkeypatch.setattr(network_handler, "measure_step_time", fail)
    measure(page)

    assert "Expected weights; got none. Give a file." in page.error[0].value
    assert not page.button(key="train_start").disabled
    assert "Jobs" in [header.value for header in page.header]


def test_network_is_trained_shown_as_a_card_and_told_apart_among_runs(page, private_home):
    trained(page)

    assert not page.exception
    assert "**real only, head of a network**" in texts(page)
    assert {"AUROC, demo", "AUROC, demo-external"} <= {element.label for element in page.metric}
    run_id = RunArchive(private_home).rows()["run_id"].iloc[0]
    facts = facts_of(resources.stored_run(run_id))
    assert facts["backbone"] == "test_efficientnet, random weights, 32 px, 1 view"
    assert (facts["the paper's experiment"], facts["weights kept"]) == ("none", "last")
    runs = open_page("runs")
    assert runs.dataframe[0].value["trained part"].tolist() == ["head of a network"]
    select(runs, 0)
    runs.multiselect(key="repeat_epsilons").set_value([1.0])
    next(button for button in runs.button if button.label == "Start").click().run()
    (newest, *_) = jobs.views()
    assert newest.request.config.privacy.target_epsilon == 1.0
    assert newest.request.config.recipe.steps == 3
    assert wait_until_over(jobs.job_queue(), newest.id).state == "finished"
    assert RunArchive(private_home).count() == 2


def test_paper_preset_says_what_it_is_what_came_out_and_how_ours_differs(page):
    page.selectbox(key="network_preset").set_value("dbr15").run()

    said = texts(page)
    assert "The whole Swin-T trained on synthetic masses only without DP." in said
    assert "AUROC in the paper, mean of 3 seeds: CBIS-DDSM 0.639, BCDR 0.622." in said
    assert "How this differs from the paper" in [box.label for box in page.expander]
    assert "timm's ms_in1k" in said
    assert "fetched from timm's hub once, before anything is trained or released" in said
    assert "No privacy (not DP)" in said or "No privacy guarantee" in said
    assert not page.exception


def test_every_experiment_of_the_paper_can_be_chosen(page):
    options = page.selectbox(key="network_preset").options

    names = {option.split(" · ")[0] for option in options}
    assert set(paper_results()["experiment"]) <= names
    assert len(options) == 1 + paper_results()["experiment"].nunique()


def test_preset_on_a_frozen_network_is_explained_as_such_and_runs_on_another_one(page, monkeypatch):
    monkeypatch.setattr(network_backbone, "INSTALLED_BACKBONES", ("test_efficientnet",))
    page.selectbox(key="network_preset").set_value("dbr1").run()
    page.selectbox(key="network_name_cached features").set_value("test_efficientnet").run()
    page.selectbox(key="network_weights_cached features").set_value("random").run()
    page.number_input(key="network_size_cached features").set_value(32).run()
    measure(page)

    said = texts(page)
    assert "features of every mass are computed once and kept" in said
    assert "no longer the paper's experiment" in said
    assert "masses in 8 views" in said
    start(page)
    (job, *_) = jobs.views()
    assert job.request.config.backbone.name == "test_efficientnet"
    assert job.request.config.recipe.preset == "dbr1"
    jobs.job_queue().cancel(job.id)
    wait_until_over(jobs.job_queue(), job.id)


def test_missing_gpu_is_told_before_anything_starts(page, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    page.get_by_key("network_device").set_value("cuda").run()

    assert "Expected an NVIDIA GPU" in page.error[0].value
    assert page.button(key="train_start").disabled


def test_recipe_that_cannot_be_is_told_and_cannot_start(page, monkeypatch):
    monkeypatch.setattr(network_form, "choose_delta", lambda: 0.09)
    page.run()

    assert "Expected δ below 1 / 24" in page.error[0].value
    assert page.button(key="train_start").disabled
