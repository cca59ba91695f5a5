import json
import math

import pandas as pd
import pytest

from mammo_core import reference
from mammo_core.cohorts.installed import DataSource
from mammo_core.config.runs import PAPER_DELTA
from mammo_core.privacy.accounting.gaussian import mu_for, spent_epsilon
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from pages.ui.privacy import attacks as privacy_attacks
from pages.ui.privacy import slides
from pages.ui.privacy.controls import PrivacyChoices
from pages.ui.state import jobs, resources
from tests.app.helpers import open_page
from tests.app.privacy_tables import made_up_tables
from tests.helpers.jobs import ThreadExecutors, wait_for, wait_until_over, write_cohort


def texts(app):
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return " ".join(element.value for element in parts)


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def figure(app, key):
    (chart,) = [chart for chart in app.get("plotly_chart") if chart.proto.id.endswith(key)]
    return json.loads(chart.proto.spec)


def names_in(drawn):
    return [trace.get("name") for trace in drawn["data"]]


def set_slider(app, epsilon):
    return app.select_slider(key="privacy_epsilon").set_value(epsilon).run()


def open_tab(name, *, epsilon=6.0, unit="patient"):
    app = open_page("privacy", privacy_tab=name)
    app.get_by_key("privacy_unit").set_value(unit)
    app = set_slider(app, epsilon)
    assert app.select_slider(key="privacy_epsilon").value == epsilon
    return app


def use_tables(monkeypatch, tables):
    for name, table in zip(("attacks", "audits", "attack_roc"), tables, strict=True):
        monkeypatch.setattr(reference, f"measured_{name}", lambda table=table: table)


@pytest.fixture
def measured(monkeypatch):
    use_tables(monkeypatch, made_up_tables())


@pytest.fixture
def nothing_measured(monkeypatch):
    use_tables(monkeypatch, [table.iloc[:0] for table in made_up_tables()])


def test_minute_says_odds_in_words_and_dots(measured):
    app = open_page("privacy")

    assert not app.exception
    assert (
        "identifies at most 77 of 100 patients who took part, and wrongly flags 23 of 100"
        in texts(app)
    )
    assert "wrongly flags only **1** of 100 others identifies at most **20**" in texts(app)
    assert "at most 77 identified" in json.dumps(figure(app, "odds")["layout"])
    assert "Research use only, not for diagnosis" in texts(app)


def test_slider_moves_words_dots_and_bound(measured):
    app = open_page("privacy")
    before = figure(app, "attacker_roc")["data"]

    set_slider(app, 0.5)

    assert not app.exception
    said = "identifies at most 54 of 100 patients who took part, and wrongly flags 46 of 100"
    assert said in texts(app)
    assert figure(app, "attacker_roc")["data"] != before
    assert metrics(app)["Claimed"] == "ε ≤ 0.5"


def test_measured_attack_lies_in_the_region_and_claim_beside_audit(measured):
    app = open_page("privacy")

    drawn = figure(app, "attacker_roc")
    assert "measured: loss threshold" in names_in(drawn)  # the strongest only
    assert "measured: likelihood ratio" not in names_in(drawn)
    assert metrics(app)["Claimed"] == "ε ≤ 6" and metrics(app)["Audited"] == "ε ≥ 3"
    assert float(metrics(app)["Attack's AUC"]) < 0.849


def test_budget_without_a_measured_attack_says_so(measured):
    app = set_slider(open_page("privacy"), 20.0)

    assert not app.exception
    assert metrics(app)["Audited"] == metrics(app)["Attack's AUC"] == "none yet"
    assert "No attack was measured here" in texts(app)


def test_without_privacy_there_is_no_limit_and_no_claim(measured):
    app = set_slider(open_page("privacy"), math.inf)

    assert not app.exception
    assert "No privacy (not DP): no limit" in texts(app)
    assert "the whole square is shaded" in texts(app)
    assert metrics(app)["Claimed"] == "nothing"


def test_image_unit_speaks_of_masses_and_what_it_is_worth_to_a_patient(nothing_measured):
    app = open_page("privacy")

    app.get_by_key("privacy_unit").set_value("image").run()

    assert not app.exception
    assert "of 100 masses that took part" in texts(app)
    assert "A patient with 14 masses is guaranteed only ε = 283.9." in texts(app)


def test_synthetic_masses_from_outside_limit_what_the_odds_mean(nothing_measured):
    app = open_page("privacy")
    assert not app.warning

    app.selectbox(key="privacy_strategy").set_value("pretrain").run()

    assert "What they reveal has no limit" in app.warning[0].value
    assert "covers only the private training step" in texts(app)


def test_statement_is_that_of_secret_noise(nothing_measured):
    said = texts(open_page("privacy"))

    assert "578 patients" in said
    assert "its noise is reproducible" not in said


def test_logarithmic_switch_changes_the_axes(measured):
    app = open_page("privacy")

    app.toggle(key="privacy_log").set_value(True).run()

    assert figure(app, "attacker_roc")["layout"]["xaxis"]["type"] == "log"


@pytest.mark.parametrize(
    ("kind", "inputs", "said"),
    [
        ("identifies at most", {"limit_named": 5.0, "limit_accused": 1.0}, "ε = 2.43"),
        ("guesses right at most", {"limit_guess": 60.0}, "ε = 1.72"),
        ("gains at most", {"limit_advantage": 20.0}, "ε = 1.72"),
        ("identifies at most", {"limit_named": 1.0}, "which mere guessing reaches"),
        ("guesses right at most", {"limit_guess": 40.0}, "above 50 %"),
        ("gains at most", {"limit_advantage": 0.1}, "between 0.05 and 1000"),
    ],
)
def test_limit_on_attackers_gives_a_budget_or_says_why_not(nothing_measured, kind, inputs, said):
    app = open_page("privacy")
    app.get_by_key("limit_kind").set_value(kind).run()

    for key, value in inputs.items():
        app.number_input(key=key).set_value(value)
    app.run()

    assert not app.exception
    assert said in texts(app)


def test_limit_sets_the_slider_to_a_budget_that_keeps_it(nothing_measured):
    app = open_page("privacy")  # 5 % named at 1 % accused: ε = 2.43

    app.button(key="limit_use").click().run()

    assert not app.exception
    assert app.select_slider(key="privacy_epsilon").value == 2.0
    assert app.query_params["privacy_epsilon"] == "2"


@pytest.mark.parametrize("epsilon", [0.05, 1000.0, math.inf])
@pytest.mark.parametrize("unit", ["patient", "image"])
@pytest.mark.parametrize("tab", ["Overview", "Attacks and audit", "Unit", "Composition"])
def test_tabs_open_at_every_kind_of_budget(measured, tab, unit, epsilon):
    app = open_tab(tab, epsilon=epsilon, unit=unit)

    assert not app.exception and not app.error


def test_link_opens_a_tab_and_no_other_is_computed(measured):
    app = open_tab("Composition")

    assert [chart.proto.id.split("-")[-1] for chart in app.get("plotly_chart")] == ["composition"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"privacy_epsilon": "-3"},
        {"privacy_unit": "hospital"},
        {"privacy_strategy": "synthetic only"},
        {"privacy_tab": "Magic"},
        {"limit_named": "many"},
        {"talk": "1", "step": "99"},
    ],
)
def test_privacy_survives_a_link_with_impossible_choices(nothing_measured, wrong):
    app = open_page("privacy", **wrong)

    assert not app.exception
    (warning,) = app.warning
    assert "Not all of this link was understood" in warning.value


def test_attacks_tab_shows_every_attack_beside_its_bound(measured):
    app = open_tab("Attacks and audit")

    assert not app.exception and not app.error and not app.warning
    table = app.dataframe[0].value
    assert len(table) == 6 and set(table["ε"]) == {"1", "6", "∞ (not DP)"}
    assert "bound: AUC" in table
    assert {"audited: many runs, Gaussian DP", "claimed: never above"} <= set(
        names_in(figure(app, "attacks_audit"))
    )
    assert "measured: likelihood ratio" in names_in(figure(app, "attacks_roc"))


def test_attacks_tab_without_measurements_says_so(nothing_measured):
    app = open_tab("Attacks and audit")

    assert not app.exception
    assert "No attack was measured with the patient as the unit" in app.info[0].value
    assert not app.get("plotly_chart")


def test_attacks_tab_names_the_budgets_that_were_attacked(measured):
    app = open_tab("Attacks and audit", epsilon=20.0)

    assert "Measured at: 1, 6, ∞ (not DP)." in app.info[0].value


def test_attacks_tab_cries_out_if_an_audit_or_attack_beats_its_claim(monkeypatch):
    use_tables(monkeypatch, made_up_tables(epsilons=(1.0,), share=1.4))

    app = open_tab("Attacks and audit")

    said = [error.value for error in app.error]
    assert any(
        "audit *many runs, Gaussian DP* found ε ≥ 1.4 where 1 is claimed" in one for one in said
    )
    assert any("attack *loss threshold* at ε = 1" in one and "AUC" in one for one in said)


def test_attacks_that_find_nothing_without_privacy_are_called_weak(monkeypatch):
    use_tables(monkeypatch, made_up_tables(epsilons=(1.0, math.inf), share=1e-6))

    app = open_tab("Attacks and audit")

    assert "too weak to say anything" in app.warning[0].value


def test_claim_stands_beside_the_audit_fixed_beforehand_not_the_best_of_several(monkeypatch):
    attacks, audits, roc = made_up_tables()
    audits.loc[audits["method"] == "one run, Gaussian DP", "audited_epsilon"] = 5.0
    use_tables(monkeypatch, (attacks, audits, roc))

    assert metrics(open_page("privacy"))["Audited"] == "ε ≥ 3"


def test_contradictions_are_named_once_each_and_only_where_they_are():
    attacks, audits, _ = made_up_tables()

    assert list(privacy_attacks.contradictions(attacks, audits)) == []
    assert list(privacy_attacks.weaknesses(attacks)) == []


def test_composition_is_exact_and_below_adding(nothing_measured):
    app = open_tab("Composition", epsilon=1.0)

    app.slider(key="privacy_releases").set_value(4).run()

    together = spent_epsilon(2 * mu_for(1.0, PAPER_DELTA), PAPER_DELTA)
    assert f"spend **ε = {together:.4g}** together" in texts(app)
    assert "Adding gives 4" in texts(app)


def test_unit_tab_counts_masses_and_group_privacy(nothing_measured):
    app = open_tab("Unit", unit="image", epsilon=1.0)

    assert not app.exception
    sizes = figure(app, "unit_sizes")["data"][0]
    assert "24 training patients" in texts(app)
    most = len(sizes["x"])
    worst = spent_epsilon(most * mu_for(1.0, PAPER_DELTA), PAPER_DELTA)
    assert f"is worth **ε = {worst:.4g}** to the patient with {most} masses" in texts(app)


def test_unit_tab_counts_the_patients_of_the_chosen_training_site(nothing_measured, tmp_path):
    source = write_cohort(tmp_path / "data/cohort", patients=12)
    write_cohort(source.real, patients=8, site="elsewhere")
    app = open_tab("Unit", unit="image", epsilon=1.0)
    assert "8 training patients" in texts(app)

    app.selectbox(key="privacy_site").set_value("site").run()

    assert not app.exception
    assert "12 training patients" in texts(app)


def test_accounting_tab_counts_by_several_accountants(nothing_measured):
    app = open_tab("Accounting")

    assert not app.exception
    assert names_in(figure(app, "accounting_steps"))[:3] == ["exact", "PRV", "RDP"]
    assert "exact 6, PRV 6.01" in texts(app)
    app.toggle(key="privacy_adding").set_value(True).run()
    assert "adding up" in names_in(figure(app, "accounting_steps"))
    app.get_by_key("privacy_cost").set_value("δ").run()
    assert not app.exception
    assert figure(app, "accounting_cost")["layout"]["xaxis"]["title"]["text"].startswith("δ")


def test_accounting_tab_shows_what_sampling_is_worth_when_asked(nothing_measured):
    app = open_tab("Accounting")
    charts = len(app.get("plotly_chart"))

    app.toggle(key="privacy_sampling").set_value(True).run()

    assert not app.exception
    assert len(app.get("plotly_chart")) == charts + 1
    _, everybody, by_lot = figure(app, "sampling")["data"]
    assert by_lot["name"] == "10% take part, at random" != everybody["name"]


def test_accounting_beyond_prv_says_that_it_cannot_count(nothing_measured):
    app = open_tab("Accounting", epsilon=1000.0)

    assert not app.exception
    assert "PRV cannot count so much" in texts(app)


def test_attacks_tab_shows_generators_beside_their_control_on_the_level_of_the_unit(monkeypatch):
    row = {"generator": "g", "attack": "nearest", "auc": 0.6, "auc_low": 0.5, "auc_high": 0.7}
    row |= {"tpr_at_1pct": 0.02, "tpr_at_1pct_low": 0.0, "tpr_at_1pct_high": 0.05}
    compared = (
        ("train", "val", 0.6, 0.45),
        ("train", "test", 0.9, 0.45),
        ("val", "test", 0.52, None),
    )
    rows = [
        row | {"members": one, "non_members": other, "auc": auc, "bound_tpr_at_1pct": bound}
        for one, other, auc, bound in compared
    ]
    shown = pd.DataFrame([one | {"level": "patient"} for one in rows])
    monkeypatch.setattr(resources, "measured_generator_attacks", lambda: shown)

    table = open_tab("Attacks and audit").dataframe[-1].value

    assert table["AUC, train against val"].tolist() == ["0.600 (0.500 to 0.700)"]
    assert table["AUC, control"].tolist() == ["0.520"] and table["bound"].tolist() == ["45.0%"]
    other_level = open_tab("Attacks and audit", unit="image").dataframe[-1].value
    assert other_level.empty


def test_ledger_and_pitfalls_have_tabs_without_the_choices_of_one_model():
    for name, said in (
        ("Ledger", "Nothing was released"),
        ("Pitfalls", "mistakes"),
        ("Trust", "mistakes"),
    ):
        app = open_page("privacy", privacy_tab=name)
        assert not app.exception
        assert said in texts(app)
        assert not app.select_slider


@pytest.fixture
def demo_features(private_home):
    data = resources.loaded_data(DataSource())
    load_feature_dataset(data, resources.DEMO_BACKBONE, private_home / "features")


def test_clipping_tab_shows_every_patients_gradient(demo_features, nothing_measured):
    app = open_tab("Clipping and noise")

    assert not app.exception
    kept, clipped = figure(app, "gradient_norms")["data"]
    assert "24 patients are clipped at C = 0.1" in texts(app)
    before = clipped["name"]
    app.select_slider(key="clipping_norm").set_value(10.0).run()
    assert not app.exception
    assert figure(app, "gradient_norms")["data"][1]["name"] != before
    assert "**0%** of 24 patients are clipped at C = 10" in texts(app)
    app.select_slider(key="privacy_epsilon").set_value(math.inf).run()
    assert "nothing is clipped and no noise is added" in texts(app)
    assert kept


def test_slides_have_sentences_of_at_most_25_words(measured):
    told = slides.slides()

    first, *_, last = told
    assert (first, last) == ("mere guessing", "claimed and audited")
    sentences = [make().sentence for make in told.values()]
    assert len(set(sentences)) == len(sentences) == 6
    assert max(len(sentence.split()) for sentence in sentences) <= 25
    assert "at most 77 of 100" in sentences[2]
    assert "no audit found more than was claimed" in sentences[-1]


def test_slides_admits_an_audit_above_the_claim(monkeypatch):
    use_tables(monkeypatch, made_up_tables(epsilons=(1.0,), share=1.4))

    assert "Something is wrong" in slides.slides()["claimed and audited"]().sentence


def test_slides_without_audits_ends_before_them(nothing_measured):
    app = open_page("privacy", talk="1")

    assert "1 of 5: mere guessing" in texts(app)
    for _ in range(4):
        app.button(key="privacy_next").click().run()
        assert not app.exception
    assert "10 models at ε = 1 from the same patients" in texts(app)


def test_choices_know_their_mechanism():
    choices = PrivacyChoices(6.0, "patient", "real")

    mu = math.sqrt(choices.recipe.steps) / choices.noise_multiplier
    assert mu == pytest.approx(choices.mu, rel=1e-6)
    assert PrivacyChoices(math.inf, "image", "real").noise_multiplier == 0


@pytest.fixture
def executors(monkeypatch):
    made = ThreadExecutors()
    monkeypatch.setattr(jobs, "make_executors", lambda: made)
    jobs.job_queue.clear()
    yield made
    jobs.job_queue.clear()


def test_own_cohort_is_attacked_as_a_job_and_its_tables_are_shown(nothing_measured, executors):
    app = open_tab("Attacks and audit")
    assert not app.exception
    app.multiselect(key="own_audit_epsilons").set_value([])
    assert "Expected epsilons >= 1" in texts(app.run())

    app.multiselect(key="own_audit_epsilons").set_value([6.0]).run()
    app.button(key="own_audit_start").click().run()
    (view,) = jobs.views()
    request = view.request
    assert (request.plan.strategy, request.plan.epsilons) == ("real", (6.0,))
    wait_for(lambda: jobs.job_queue().store.view(view.id).state, lambda state: state == "running")
    jobs.job_queue().cancel(view.id)
    wait_until_over(jobs.job_queue(), view.id)
    for name, table in zip(("attacks", "audits", "roc"), made_up_tables((6.0,)), strict=True):
        jobs.job_queue().store.keep_table(view.id, name, table)
    app.run()

    assert not app.exception
    drawn = [chart.proto.id for chart in app.get("plotly_chart")]
    assert any(name.endswith("_roc") and "own_" in name for name in drawn)
