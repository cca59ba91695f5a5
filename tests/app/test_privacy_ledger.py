"""The ledger on a page, on the Live page and before a training."""

import json
import math

import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.ledger.book import Budget
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir
from mammo_core.system.secret_key import hash_patients
from pages.ui.state import jobs, resources
from tests.app.helpers import open_page
from tests.helpers.jobs import ThreadExecutors
from tests.helpers.ledgers import DELTA, charge, cohort
from tests.helpers.made_ledgers import memory_ledger


@pytest.fixture
def ledger(monkeypatch):
    made = memory_ledger()
    monkeypatch.setattr(resources, "ledger", lambda: made)
    return made


@pytest.fixture
def no_dask(monkeypatch):
    made = ThreadExecutors()
    monkeypatch.setattr(jobs, "make_executors", lambda: made)


def release(ledger, *epsilons, who=None, origin="sweep", **work):
    for number, epsilon in enumerate(epsilons):
        one = charge(epsilon, strategy="real", title=f"release {number}")
        ledger.on_behalf_of(origin, **work).record(who or cohort(), [one])


def open_ledger_panel():
    def panel():
        from pages.ui.privacy.ledger import show_ledger

        show_ledger()

    app = AppTest.from_function(panel, default_timeout=60).run()
    assert not app.exception
    return app


def texts(app):
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return " ".join(element.value for kind in kinds for element in kind)


def metrics(app):
    return {element.label: element.value for element in app.metric}


def table(app):
    return next(element.value for element in app.dataframe if "release" in element.value)


def test_empty_ledger_says_so(ledger):
    assert "Nothing was released" in texts(open_ledger_panel())


def test_panel_shows_total_figure_and_table(ledger):
    release(ledger, 4.0, 3.0)

    app = open_ledger_panel()

    assert metrics(app)["Total ε, with DP"].startswith("5.33")
    assert metrics(app)["Without DP"] == "0"
    (chart,) = app.get("plotly_chart")
    drawn = json.loads(chart.proto.spec)
    assert drawn["layout"]["yaxis"]["type"] == "log"
    assert [trace["name"] for trace in drawn["data"]] == [
        "each release alone",
        "all so far, together",
    ]
    assert table(app)["release"].tolist() == ["release 1", "release 0"]
    assert table(app)["ε alone, per patient"].tolist() == ["3", "4"]


def test_releases_without_dp_are_told_apart(ledger):
    release(ledger, 4.0, math.inf)

    app = open_ledger_panel()

    assert metrics(app)["Total ε, with DP"] == "4"
    assert metrics(app)["Without DP"] == "1"
    assert "Together with them, all releases give no privacy guarantee" in texts(app)
    assert "∞ (not DP)" in table(app)["ε alone, per patient"].tolist()


def test_filters_leave_the_total_as_it_is(ledger):
    release(ledger, 4.0, origin="live")
    release(ledger, 3.0, origin="sweep")
    app = open_ledger_panel()

    app.multiselect(key="ledger_origin").set_value(["live"]).run()

    assert len(table(app)) == 1
    assert metrics(app)["Releases"] == "2"


def test_what_if_shows_the_total_before_and_after(ledger):
    release(ledger, 4.0)
    app = open_ledger_panel()

    app.selectbox(key="ledger_if_epsilon").set_value(3.0).run()

    assert not app.exception
    assert "So far: ε = 4" in texts(app) and "Then: **ε = 5.33" in texts(app)
    app.selectbox(key="ledger_if_epsilon").set_value(math.inf).run()
    assert "Then: **ε = 4, and 1 release without DP**" in texts(app)


def test_budget_is_set_shown_warned_of_and_removed(ledger):
    release(ledger, 4.0)
    app = open_ledger_panel()
    app.number_input(key="ledger_budget_epsilon").set_value(4.5)
    app.button(key="ledger_budget_set").click().run()

    assert not app.exception
    assert "80 % or more of the budget is used" in texts(app)
    assert ledger.book().budget_of("c1") == Budget(epsilon=4.5, delta=DELTA)

    app.button(key="ledger_budget_remove").click().run()
    assert not app.exception
    assert ledger.book().budget_of("c1") is None
    assert "80 % or more" not in texts(app)


def test_demonstration_is_called_so(ledger):
    played = cohort()
    release(ledger, 4.0, who=played.__class__(**vars(played) | {"is_demonstration": True}))

    assert "these patients were drawn by a generator" in texts(open_ledger_panel())


def test_installed_generators_of_the_same_patients_are_listed_and_counted_in_on_demand(ledger):
    some = hash_patients(f"cbis-ddsm__P_{number:05}" for number in range(20))
    release(ledger, 4.0, who=cohort(*some, "another"))
    app = open_ledger_panel()
    known = "**cascade_private** learned from the public dataset cbis-ddsm; 20 of these patients"
    assert known in texts(app)
    assert metrics(app)["Total ε, with DP"] == "4"

    app.toggle(key="ledger_count_others").set_value(True).run()

    assert not app.exception
    assert float(metrics(app)["Total ε, with DP"]) > 10
    assert metrics(app)["Without DP"] == "2"  # flow_gan and cascade


def test_generators_made_here_are_not_listed_again(ledger):
    card = load_card(models_dir() / "cascade_private")
    release(ledger, 4.0, who=cohort(*sorted(card.possible_patients)[:5]))
    ledger.note_generator(card.sha256)

    assert "cascade_private" not in texts(open_ledger_panel())


def test_train_says_what_a_plan_adds_and_asks_for_a_reason_beyond_the_budget(
    ledger, no_dask, monkeypatch
):
    started = []
    monkeypatch.setattr(jobs, "start", lambda request: started.append(request) or "job")
    app = open_page("train")
    assert "So far: ε = 0. After this, at most: ε = 6." in texts(app)
    patients = resources.training_data(resources.installed_sources()[0]).patients
    ledger.set_budget(cohort(*patients), Budget(epsilon=2.0, delta=DELTA))

    app.run()
    assert "is beyond it" in texts(app)
    assert app.button(key="train_start").disabled

    app.text_input(key="train_beyond_budget").set_value("for the talk").run()
    app.button(key="train_start").click().run()
    (request,) = started
    assert request.beyond_budget == "for the talk"
    assert type(request).__name__ == "SweepRequest"


def test_plan_of_synthetic_masses_adds_nothing(ledger, no_dask):
    app = open_page("train")

    app.selectbox(key="train_strategy").set_value("synthetic").run()

    assert "They add nothing to its ledger" in texts(app)
    assert not app.button(key="train_start").disabled
