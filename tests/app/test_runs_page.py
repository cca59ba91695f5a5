"""The Runs page on a store with a few recorded runs."""

from dataclasses import replace

import pandas as pd
import pytest

from mammo_core.cohorts.installed import DataSource
from mammo_core.results.archive import RunArchive
from mammo_core.results.runs_table import one_line_per_run, without_repeats
from pages.ui.runs import actions
from pages.ui.state import jobs, resources
from tests.app.helpers import open_page
from tests.app.test_train_page import texts
from tests.helpers.jobs import ThreadExecutors, sweep_request, wait_until_over, write_cohort


@pytest.fixture
def trained(monkeypatch, private_home):
    monkeypatch.setattr(jobs, "make_executors", ThreadExecutors)
    request = sweep_request(DataSource(), seeds=(1, 2), epsilons=(1.0, 6.0), engine="vectorised")
    wait_until_over(jobs.job_queue(), jobs.start(request))
    return RunArchive(private_home)


def select(app, *rows):
    app.session_state["runs_table"] = {"selection": {"rows": list(rows), "columns": []}}
    return app.run()


def test_without_runs_the_page_says_where_they_come_from():
    app = open_page("runs")

    assert not app.exception
    assert "Nothing was trained here yet" in texts(app)


def test_runs_are_listed_and_filtered(trained):
    app = open_page("runs")

    table = app.dataframe[0].value
    assert len(table) == 4
    assert set(table["target ε"]) == {"1", "6"}
    assert list(table.columns[:3]) == ["training data", "target ε", "AUROC demo"]
    assert "AUROC demo-external" in table.columns

    app.text_input(key="runs_search").set_value("seed nonsense").run()
    assert "0 of 4 runs" in texts(app)
    app.text_input(key="runs_search").set_value(table.index[0] if table.index[0] else "6").run()
    app.multiselect(key="runs_strategies").set_value(["pretrain"]).run()
    assert "0 of 4 runs" in texts(app)
    assert not app.exception


def test_runs_are_compared_per_patient_where_that_is_chosen(trained):
    app = open_page("runs")
    app.get_by_key("runs_evaluated_per").set_value("patient").run()

    per_patient = trained.rows("patient").set_index(["run_id", "test_set"])["auroc"]
    table = app.dataframe[0].value
    shown = [per_patient[run_id, "demo"].round(3) for run_id in table.index]
    assert table["AUROC per patient demo"].tolist() == shown
    app = select(app, 0)
    assert not app.exception
    assert "AUROC per patient, demo" in {element.label for element in app.metric}
    app = select(app, 0, 1)
    assert not app.exception


def test_runs_without_numbers_per_patient_stay_in_the_list(trained):
    rows = trained.rows()
    evaluated = trained.rows("patient")
    one = rows["run_id"].iloc[0]

    table = one_line_per_run(rows, "patient", evaluated[evaluated["run_id"] != one])

    assert set(table.index) == set(rows["run_id"])
    assert table["AUROC per patient demo"].isna().tolist() == [name == one for name in table.index]


def test_test_sets_are_named_as_controls_name_them_and_repeats_are_left_out(trained):
    rows = trained.rows().replace({"demo": "cbis-ddsm", "demo-external": "bcdr"})
    again = rows.assign(run_id=rows["run_id"] + "again")

    table = one_line_per_run(without_repeats(pd.concat([rows, again])))

    assert set(table.index) == set(rows["run_id"])
    assert {"AUROC CBIS-DDSM test (same site)", "AUROC BCDR (another site)"} <= set(table.columns)


def test_one_chosen_run_shows_its_card_and_can_be_repeated(trained, monkeypatch):
    app = select(open_page("runs"), 0)
    assert not app.exception
    assert {"AUROC, demo", "AUROC, demo-external"} <= {element.label for element in app.metric}

    app.multiselect(key="repeat_epsilons").set_value([3.0])
    next(button for button in app.button if button.label == "Start").click().run()

    assert not app.exception
    (newest, *_) = jobs.views()
    assert newest.request.plan.epsilons == (3.0,)
    assert newest.request.plan.changes.steps == 5


@pytest.fixture
def two_sites(trained, tmp_path):
    """A cohort with two training sites, and a newest run that was trained on the second."""
    cohort = write_cohort(tmp_path / "data/cohort")
    write_cohort(cohort.real, site="elsewhere")
    request = sweep_request(
        replace(cohort, site="site"), seeds=(1,), epsilons=(6.0,), engine="vectorised"
    )
    wait_until_over(jobs.job_queue(), jobs.start(request))
    resources.archive_rows.clear()
    return cohort


def test_a_run_is_repeated_on_the_site_that_it_was_trained_on(two_sites):
    app = select(open_page("runs"), 0)
    (site,) = (box for box in app.selectbox if box.label == "Training site")
    assert (site.options, site.value) == (["elsewhere", "site"], "site")

    app.multiselect(key="repeat_epsilons").set_value([3.0])
    next(button for button in app.button if button.label == "Start").click().run()

    assert not app.exception
    (newest, *_) = jobs.views()
    assert newest.request.source == replace(two_sites, site="site")


def test_a_run_of_other_masses_asks_for_the_site(two_sites):
    app = select(open_page("runs"), 1)
    (cohort,) = (box for box in app.selectbox if box.label == "Cohort")
    assert cohort.value == DataSource()  # this run is one of the demo
    assert "Training site" not in [box.label for box in app.selectbox]

    cohort.set_value(two_sites).run()

    assert not app.exception
    assert "Training site" in [box.label for box in app.selectbox]
    assert "trained on other masses than those of this cohort" in texts(app)


def test_repeating_needs_a_budget(trained):
    app = select(open_page("runs"), 0)

    next(button for button in app.button if button.label == "Start").click().run()

    assert "Choose at least one ε" in texts(app)
    assert len(jobs.views()) == 1


def test_several_chosen_runs_are_compared_where_they_differ(trained):
    app = select(open_page("runs"), 0, 3)

    assert not app.exception
    table = app.dataframe[1].value
    assert "privacy.target_epsilon" in table.index or "seed" in table.index
    assert "recipe.steps" not in table.index
    assert len(app.get("plotly_chart")) == 2


def test_deleting_asks_first_and_then_deletes(trained):
    app = select(open_page("runs"), 0, 1)

    app.button(key="delete_runs").click().run()
    assert trained.count() == 4
    assert "Delete **2 runs**" in texts(app)
    app.button(key="delete_yes").click().run()

    assert not app.exception
    assert trained.count() == 2


def test_run_cards_are_packed_as_json(trained):
    import io
    import json
    import zipfile

    run_ids = list(trained.rows()["run_id"].unique())[:2]

    packed = zipfile.ZipFile(io.BytesIO(actions.run_cards_zip(run_ids)))

    cards = [json.loads(packed.read(name)) for name in packed.namelist()]
    assert {card["run_id"] for card in cards} == set(run_ids)
    assert all("end to end" in card["statement"]["sentence"] for card in cards)


def test_card_offers_reports_with_a_preview(trained):
    app = select(open_page("runs"), 0)
    run_id = app.dataframe[0].value.index[0]
    app.session_state[f"tab_{run_id}"] = "Report"
    app.run()

    assert not app.exception
    assert "End to end, for a whole patient" in texts(app)
    assert {"Word (DOCX)", "Web page (HTML)", "Markdown"} <= {
        label.removeprefix(":material/download: ") for label in labels(app)
    }
    app.get_by_key(f"report_{run_id}").set_value("claim").run()
    assert not app.exception
    (table,) = [table.value for table in app.table if "authors to complete" in table.value]
    assert len(table) == 44


def labels(app):
    return [button.label for button in app.get("download_button")]


def test_chosen_runs_are_offered_for_export(trained):
    app = select(open_page("runs"), 0, 1)

    assert not app.exception
    assert {"For another installation (ZIP)", "Run cards only (ZIP)"} <= set(labels(app))
    assert app.toggle(key="runs_keep_ids").value is False


def test_card_says_of_an_imported_run_where_it_was_made(
    trained, tmp_path, monkeypatch, private_home
):
    from mammo_core.results.exchange.export import export_runs

    (run_id, *_) = trained.rows()["run_id"]
    content = export_runs(private_home, [run_id])
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "elsewhere"))
    resources.archive.clear()
    resources.archive_rows.clear()
    app = open_page("runs")
    assert "Nothing was trained here yet" in texts(app)

    app.get("file_uploader")[0].upload("runs.zip", content, "application/zip").run()
    app.button(key="runs_import").click().run()

    assert not app.exception
    assert app.success[0].value == "1 run imported, 0 there already."
    app = select(app, 0)
    assert "**Imported**: trained elsewhere" in texts(app)
    assert "There it was charged to cohort " in texts(app)
    assert app.dataframe[0].value["from"].tolist() == ["imported"]


def test_a_file_that_is_no_export_is_refused_in_words(private_home):
    app = open_page("runs")

    app.get("file_uploader")[0].upload("runs.zip", b"<script>", "application/zip").run()
    app.button(key="runs_import").click().run()

    assert not app.exception
    assert "Expected a whole ZIP file" in app.error[0].value
