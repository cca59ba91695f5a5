import json
import math
from base64 import b64decode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core import reference
from mammo_core.cohorts.installed import DataSource
from mammo_core.config.names import TEST_SET_NAMES
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PAPER_DELTA, STRATEGIES, UNITS, PrivacyConfig, RunConfig
from mammo_core.evaluation.curves import curve_points
from mammo_core.evaluation.metrics import METRIC_NAMES
from mammo_core.evaluation.patients import EVALUATION_UNITS
from mammo_core.evaluation.subgroup_words import verdict
from mammo_core.evaluation.targets import with_chances
from mammo_core.jobs.requests import SweepRequest
from mammo_core.results.recording import RunRecorder
from mammo_core.system.secret_key import sealed_identity
from pages.ui.components.messages import escape_markdown
from pages.ui.state import resources
from pages.ui.trade_off import missing_runs
from pages.ui.trade_off import points as trade_off_points
from pages.ui.trade_off.charts import figures
from pages.ui.trade_off.citation import citation, provenance_of
from pages.ui.trade_off.comparison import do_others_help
from pages.ui.trade_off.headline import cost_sentence
from pages.ui.trade_off.points import CurveChoices, draw_from, visible_points
from pages.ui.trade_off.slides import STEPS, slide
from tests.app.helpers import open_page
from tests.helpers.jobs import TINY, write_cohort
from tests.helpers.made_ledgers import run_many

SHIPPED = ("cbis-ddsm", "bcdr")


def figure(app, index=0):
    return json.loads(app.get("plotly_chart")[index].proto.spec)


def points(app):
    """The table of the points in the figures."""
    return next(shown.value for shown in app.dataframe if "target ε" in shown.value.columns)


def answers(app):
    """The table of the budgets that reach the target."""
    others = {"target ε", "group"}
    (table,) = (shown.value for shown in app.dataframe if not others & {*shown.value.columns})
    return table


def groups(app):
    """The table of what privacy changes for each group of masses."""
    return next(shown.value for shown in app.dataframe if "group" in shown.value.columns)


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


def trace_names(app, index=0):
    return {trace.get("name") for trace in figure(app, index)["data"]} - {None}


def make_choices(**changed):
    chosen = {
        "masses": reference.PAPER,
        "strategies": ("real", "pretrain"),
        "unit": "patient",
        "metric": "auroc",
        "evaluated_per": "mass",
        "test_sets": SHIPPED,
        "every_seed": False,
        "with_paper": True,
        "own": None,
    }
    return CurveChoices(**chosen | changed)


@pytest.fixture
def own_runs(dataset, private_home):
    """Two seeds at two budgets of one strategy, recorded as a sweep records them."""
    tracker = RunRecorder(private_home)
    configs = [
        RunConfig(
            strategy="real",
            privacy=PrivacyConfig(target_epsilon=epsilon, unit="patient"),
            recipe=RECIPES["real"],
            backbone=dataset.backbone,
            seed=seed,
        )
        for epsilon in (6.0, math.inf)
        for seed in (42, 43)
    ]
    return [tracker.record(result, origin="sweep") for result in run_many(dataset, configs)]


def test_trade_off_draws_both_test_sets_on_a_log_axis_with_the_paper():
    app = open_page("trade_off")

    assert len(app.get("plotly_chart")) == 4  # and of 1000 women, and of subgroups
    for index in range(2):
        assert figure(app, index)["layout"]["xaxis"]["type"] == "log"
        assert {"synthetic, then private on real", "the paper, same colours"} <= trace_names(
            app, index
        )


def test_trade_off_paper_can_be_switched_off_and_strategies_chosen():
    app = open_page("trade_off")

    app.toggle(key="paper").set_value(False).run()
    app.get_by_key("strategies").set_value(["real"]).run()

    assert not app.exception
    assert trace_names(app) == {"real only", "real only, no privacy"}


def test_synthetic_masses_are_chosen_and_only_where_they_train(private_home):
    app = open_page("trade_off")
    papers = points(app)

    app.get_by_key("masses").set_value("simulated").run()

    assert not app.exception
    shown = points(app)
    is_real = shown["training data"] == "real only"
    assert shown[is_real].equals(papers[is_real])
    assert not shown[~is_real].equals(papers[~is_real])
    assert "No patient is behind these" in texts(app)
    assert "simulated, of nobody" in app.code[0].value

    app.get_by_key("strategies").set_value(["real"]).run()
    assert not app.exception
    assert "masses" not in {widget.key for widget in app.get("button_group")}


def test_link_chooses_simulated_masses_and_a_point_says_that_its_budget_covers_everything():
    app = open_page("trade_off", masses="simulated, of nobody")
    assert not app.warning
    app.selectbox(key="point").set_value("shipped/pretrain/patient/6/bcdr").run()

    assert not app.exception
    assert app.get_by_key("masses").value == "simulated"
    assert "come from the generator simulated, which learned from nobody" in texts(app)
    assert "No ROC curves were kept" in texts(app)


@pytest.mark.parametrize(
    ("masses", "compared"), [(reference.PAPER, "simulated, of nobody"), ("simulated", "simulated")]
)
def test_page_answers_whether_other_masses_help(masses, compared):
    told = do_others_help(make_choices(masses=masses, strategies=STRATEGIES))

    assert len(told) == 3
    assert all(f"with *{compared}" in one for one in told)
    pretrain = next(one for one in told if "then private on real" in one)
    assert "**better on one test set, worse on the other.**" in pretrain
    assert "at ε = 6" in pretrain and ".007 higher (95 %: .00" in pretrain
    assert "without noise" in next(one for one in told if "synthetic only" in one)
    assert not do_others_help(make_choices(strategies=("real",)))


def test_where_a_low_score_is_better_the_answer_turns_round():
    (auroc,), (brier,) = (
        do_others_help(
            make_choices(strategies=("synthetic",), test_sets=("cbis-ddsm",), metric=metric)
        )
        for metric in ("auroc", "brier")
    )
    assert "**they help.**" in auroc and ".150 higher" in auroc
    assert ("lower" in brier) == ("**they help.**" in brier)


def test_trade_off_draws_only_the_chosen_test_set():
    app = open_page("trade_off")

    app.get_by_key("test_sets").set_value(["bcdr"]).run()

    assert not app.exception
    assert [heading.value for heading in app.header] == ["BCDR (another site)"]
    table = points(app)
    assert set(table["test set"]) == {"BCDR (another site)"}


def test_trade_off_shows_every_seed_as_a_dot_in_place_of_the_bands():
    app = open_page("trade_off")

    app.get_by_key("spread").set_value("every seed").run()

    assert not app.exception
    dots = [t for t in figure(app)["data"] if (t.get("name") or "").endswith("every seed")]
    assert dots and not any(trace.get("fill") for trace in figure(app)["data"])


def test_trade_off_table_shows_the_points_in_words():
    table = points(open_page("trade_off"))

    assert set(table["test set"]) == set(TEST_SET_NAMES.values())
    row = table[
        (table["target ε"] == "6") & (table["test set"] == TEST_SET_NAMES["cbis-ddsm"])
    ].iloc[0]
    assert row["95 % from"] < row["AUROC"] < row["to"]
    assert "∞ (not DP)" in set(table["target ε"])


def test_trade_off_says_over_each_figure_what_privacy_costs():
    app = open_page("trade_off")
    points = curve_points(reference.measured_results())
    points = points[(points["unit"] == "patient") & (points["strategy"] == "real")]

    for test_set in SHIPPED:
        value = points[points["test_set"] == test_set].set_index("target_epsilon")["mean"]
        six, one = (f"**.{100 * (value[math.inf] - value[epsilon]):02.0f}**" for epsilon in (6, 1))
        said = f"A whole patient's privacy at ε = 6 costs {six} AUROC; at ε = 1 it costs {one} (real only)."
        assert said in texts(app)


def test_trade_off_says_no_cost_where_there_is_nothing_to_compare_with():
    points = curve_points(reference.measured_results())
    points = points[points["test_set"] == "bcdr"]

    assert not cost_sentence(points.iloc[:0], "auroc", "patient")
    assert not cost_sentence(points[points["target_epsilon"] < math.inf], "auroc", "patient")


@pytest.mark.parametrize("key", ["strategies", "test_sets"])
def test_trade_off_without_a_strategy_or_test_set_asks_for_one(key):
    app = open_page("trade_off")

    app.get_by_key(key).set_value([]).run()

    assert not app.exception
    assert "Choose at least one" in app.info[0].value
    assert not app.get("plotly_chart")


def test_trade_off_hides_the_papers_other_measures_and_says_why():
    app = open_page("trade_off")

    app.selectbox(key="metric").set_value("average_precision").run()

    assert not any("paper" in name for name in trace_names(app))
    assert "benign as the positive class" in texts(app)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "hospital"},
        {"metric": "accuracy"},
        {"point": "nothing"},
        {"strategies": "magic"},
        {"own": "runs of somebody else"},
        {"masses": "of somebody else"},
        {"test_sets": "mars"},
        {"talk": "1", "step": "-4"},
        {"talk": "yes"},
    ],
)
def test_trade_off_survives_a_link_with_impossible_choices(wrong):
    app = open_page("trade_off", **wrong)

    assert not app.exception
    (warning,) = app.warning
    assert "Not all of this link was understood" in warning.value
    assert app.get("plotly_chart") or "Choose at least one" in texts(app)


def test_chosen_point_opens_its_card_with_roc_and_guarantee(monkeypatch):
    curve = pd.DataFrame(
        {
            "strategy": "real",
            "unit": "patient",
            "target_epsilon": 6.0,
            "test_set": "bcdr",
            "fpr": [0.0, 0.5, 1.0],
            "tpr": [0.0, 0.7, 1.0],
            "tpr_low": [0.0, 0.6, 1.0],
            "tpr_high": [0.0, 0.8, 1.0],
        }
    )
    monkeypatch.setattr(resources, "measured_roc", {"mass": curve}.get)
    app = open_page("trade_off")

    app.selectbox(key="point").set_value("shipped/real/patient/6/bcdr").run()

    assert not app.exception
    roc = next(
        json.loads(chart.proto.spec)
        for chart in app.get("plotly_chart")
        if chart.proto.id.endswith("point_roc")
    )
    line = next(trace for trace in roc["data"] if trace.get("name") == "mean of the seeds")
    packed = line["y"]  # as Plotly sends arrays
    assert np.frombuffer(b64decode(packed["bdata"]), packed["dtype"]).tolist() == [0.0, 0.7, 1.0]
    assert "real only**, ε 6 per patient, on BCDR" in texts(app)
    assert "10 seeds (42 to 51)" in texts(app)
    assert "identifies at most 19.3% of the 578 patients it was trained on" in texts(app)
    rings = [trace for trace in figure(app, 1)["data"] if trace.get("name") == "chosen"]
    assert len(rings) == 1


def test_every_shipped_point_has_its_roc():
    keys = ["strategy", "unit", "target_epsilon", "test_set"]

    for per in EVALUATION_UNITS:
        curves = reference.measured_roc(per)
        drawn = {tuple(key) for key in curves[keys].drop_duplicates().to_numpy()}

        points = curve_points(reference.measured_results(evaluated_per=per))
        assert {tuple(key) for key in points[keys].to_numpy()} <= drawn
        assert len(points) == len(STRATEGIES) * len(UNITS) * len(SHIPPED) * 12


def test_results_per_patient_are_others_and_named_everywhere():
    app = open_page("trade_off")
    app.get_by_key("evaluated_per").set_value("patient").run()
    app.selectbox(key="point").set_value("shipped/real/patient/6/bcdr").run()

    assert not app.exception
    points = curve_points(reference.measured_results(evaluated_per="patient"))
    is_meant = (
        (points["strategy"] == "real")
        & (points["unit"] == "patient")
        & (points["target_epsilon"] == 6)
        & (points["test_set"] == "bcdr")
    )
    assert f"- AUROC per patient: **{points[is_meant]['mean'].iloc[0]:.3f}**" in texts(app)
    assert "Evaluated per patient: the logits of a patient's masses are averaged" in texts(app)
    assert "at ε = 6 costs" in texts(app) and "AUROC per patient; at ε = 1" in texts(app)
    assert figure(app)["layout"]["yaxis"]["title"]["text"] == "AUROC per patient"
    assert "the paper, same colours" not in trace_names(app)
    assert "The paper is shown per mass only" in texts(app)
    choices = make_choices(evaluated_per="patient")
    table = visible_points(choices, draw_from(choices))
    assert set(table["evaluation_unit"]) == {"patient"} and set(table["origin"]) == {"shipped"}
    assert "Evaluated per patient: the logits" in citation(choices)


def test_runs_that_were_not_evaluated_per_patient_are_named():
    app = open_page("trade_off")
    app.get_by_key("masses").set_value("simulated").run()
    app.get_by_key("evaluated_per").set_value("patient").run()

    assert not app.exception
    assert "not evaluated per patient: real + synthetic, synthetic, then private" in texts(app)
    assert "real only" in trace_names(app)
    app.get_by_key("strategies").set_value(["synthetic"]).run()
    assert not app.exception and not app.get("plotly_chart")


def test_smallest_budget_for_a_target_is_computed_from_the_points():
    app = open_page("trade_off")
    app.number_input(key="target_auroc").set_value(0.6).run()

    table = answers(app).set_index("training data")
    points = with_chances(curve_points(reference.measured_results()), "auroc", 0.6)
    points = points[(points["unit"] == "patient") & (points["strategy"] == "real")]
    for test_set in SHIPPED:
        part = points[points["test_set"] == test_set].sort_values("target_epsilon")
        reaching = part[part["chance"] >= 0.8]
        said = table.loc["real only", TEST_SET_NAMES[test_set]]
        assert said.startswith(f"ε = {reaching['target_epsilon'].iloc[0]:g} (chance ")
    app.number_input(key="target_auroc").set_value(0.99).run()
    table = answers(app)
    assert all("at no measured ε" in answer for answer in table[TEST_SET_NAMES["bcdr"]])


def test_impossible_target_is_named_and_the_curves_stay():
    app = open_page("trade_off")
    app.number_input(key="target_auroc").set_value(1.5).run()

    assert "1.5" in app.error[0].value and not app.exception
    assert len(app.get("plotly_chart")) >= 2


def test_women_found_missed_and_alarmed_add_up():
    app = open_page("trade_off")
    app.number_input(key="women_prevalence").set_value(100).run()

    points = curve_points(
        reference.measured_results(evaluated_per="patient"), "sensitivity_at_90_specificity"
    )
    keys = ("unit", "strategy", "test_set", "target_epsilon")
    point = points.set_index(list(keys)).loc[("patient", "real", "cbis-ddsm", 6.0)]
    found = round(100 * point["mean"])
    assert f"finds **{found}** (" in texts(app) and f"misses **{100 - found}**" in texts(app)
    assert "it calls **90** malignant" in texts(app)
    assert "no screening population" in texts(app)


def test_page_answers_who_pays_for_privacy_from_the_shipped_table():
    app = open_page("trade_off")
    shipped = reference.measured_subgroups()
    part = shipped[(shipped["strategy"] == "real") & (shipped["test_set"] == "cbis-ddsm")]

    assert not app.exception
    assert escape_markdown(verdict(part), longest=2000) in texts(app)
    assert "without noise. No ε covers it" in texts(app)
    assert "fewer than 20 patients is not shown" in texts(app)
    table = groups(app)
    assert {"size", "contrast", "sharpness", "grey level"} <= set(table["property"])
    names = trace_names(app, 3)
    assert names == {"small", "medium", "large"}

    app.selectbox(key="subgroups_property").set_value("contrast").run()
    app.get_by_key("subgroups_measure").set_value("sensitivity").run()
    assert not app.exception
    assert trace_names(app, 3) == {"low", "medium", "high"}
    assert (
        figure(app, 3)["layout"]["yaxis"]["title"]["text"] == "sensitivity at the overall threshold"
    )
    assert escape_markdown(verdict(part, "sensitivity"), longest=2000) in texts(app)


def test_where_subgroups_were_not_measured_the_page_says_for_what_they_were():
    app = open_page("trade_off")
    app.get_by_key("unit").set_value("image").run()

    assert not app.exception
    assert "Subgroups were not measured for these choices" in texts(app)
    assert "real only (unit patient)" in texts(app)
    assert len(app.get("plotly_chart")) == 3


def test_groups_that_are_all_too_small_are_named_in_place_of_a_figure(monkeypatch):
    shipped = reference.measured_subgroups()
    numbers = [
        name for name in shipped if name.startswith(("value", "low", "high", "change", "exc"))
    ]
    shipped[numbers] = math.nan
    monkeypatch.setattr(resources, "measured_subgroups", lambda: shipped)

    app = open_page("trade_off")

    assert not app.exception
    assert "No group by size is large enough" in texts(app)
    assert set(groups(app)["patients"]) == {"too few"}


def test_subgroups_of_own_runs_need_their_masses(own_runs):
    app = open_page("trade_off")
    (name,) = app.selectbox(key="own").options
    app.selectbox(key="own").set_value(name).run()

    app.get_by_key("subgroups_runs").set_value("your runs").run()

    assert not app.exception
    assert "tested on are not installed here" in texts(app)


def test_subgroups_of_own_runs_are_computed_from_their_predictions(
    private_home, tmp_path, monkeypatch
):
    source = write_cohort(tmp_path / "data" / "mine", patients=60)
    monkeypatch.setattr(resources, "backbone_for", lambda _: TINY)
    data = resources.feature_dataset(source)
    recorder = RunRecorder(private_home)
    configs = [
        RunConfig(
            strategy="real",
            privacy=PrivacyConfig(target_epsilon=epsilon, unit="patient"),
            recipe=RECIPES["real"],
            backbone=TINY,
            seed=seed,
        )
        for epsilon in (6.0, math.inf)
        for seed in (1, 2)
    ]
    for result in run_many(data, configs):
        recorder.record(result, origin="sweep")
    app = open_page("trade_off")
    (name,) = app.selectbox(key="own").options
    app.selectbox(key="own").set_value(name).run()

    app.get_by_key("subgroups_runs").set_value("your runs").run()

    assert not app.exception
    assert app.selectbox(key="subgroups_test_set").options == ["site"]
    assert set(groups(app)["property"]) == {"size", "contrast", "sharpness", "grey level"}
    assert "ε = 6" in groups(app).columns


def test_point_without_privacy_promises_nothing():
    app = open_page("trade_off")

    app.selectbox(key="point").set_value("shipped/real/patient/inf/bcdr").run()

    assert not app.exception
    assert "No privacy (not DP): the model may reveal any of the 578 patients" in texts(app)


def test_without_own_runs_nothing_is_said_of_them_and_no_store_is_made(private_home):
    app = open_page("trade_off")

    assert "own" not in [box.key for box in app.selectbox]
    assert not (private_home / "mlflow.db").exists()


def test_own_runs_are_drawn_beside_the_shipped_ones_with_their_own_test_sets(own_runs, dataset):
    app = open_page("trade_off")
    (name,) = app.selectbox(key="own").options

    app.selectbox(key="own").set_value(name).run()

    assert not app.exception
    assert [heading.value for heading in app.header][2:] == ["elsewhere", "here"]
    assert trace_names(app, 2) == {"real only, your runs", "real only, your runs, no privacy"}
    assert "your runs" not in " ".join(trace_names(app, 0))  # other data, other figure
    assert sealed_identity(dataset.data_hash)[:6] in name


def test_point_of_own_runs_opens_the_card_of_a_run(own_runs):
    app = open_page("trade_off")
    app.selectbox(key="own").set_value(app.selectbox(key="own").options[0]).run()

    app.selectbox(key="point").set_value("own/real/patient/6/here").run()

    assert not app.exception
    assert [label for label in app.selectbox(key="point_run").options] == ["seed 42", "seed 43"]
    assert "seed 42" in texts(app)
    assert any(metric.label == "AUROC, here" for metric in app.metric)


@pytest.fixture
def gaps_on_bench(dataset, monkeypatch):
    """The page finds the fixture's workbench installed; started jobs are only written down."""
    source = DataSource(Path("real masses"), Path("synthetic masses"))
    started = []
    monkeypatch.setattr(resources, "installed_sources", lambda: [source])
    monkeypatch.setattr(resources, "training_sites", lambda _: ["here"])
    monkeypatch.setattr(resources, "backbone_for", lambda _: dataset.backbone)
    monkeypatch.setattr(resources, "feature_dataset", lambda _: dataset)
    monkeypatch.setattr(resources, "count_missing", lambda _: 0)
    monkeypatch.setattr(missing_runs.jobs, "start", lambda job: started.append(job) or "job 1")
    monkeypatch.setattr(missing_runs, "_show_started", lambda: None)
    return started


def test_gaps_are_counted_without_what_was_run_and_started_as_one_job(own_runs, gaps_on_bench):
    app = open_page("trade_off")
    app.get_by_key("strategies").set_value(["real"]).run()
    app.toggle(key="gaps").set_value(True).run()

    assert not app.exception
    budgets = len(trade_off_points.shipped_budgets())
    assert f"**{3 * budgets - len(own_runs)} of {3 * budgets} runs are missing**" in texts(app)
    table = next(frame.value for frame in app.dataframe if "ε 6" in frame.value.columns)
    assert table.loc["real only", "ε 6"] == 1  # of three seeds, 42 and 43 were run
    assert table.loc["real only", "ε 1"] == 3

    app.button(key="fill_gaps").click().run()

    assert not app.exception
    (request,) = gaps_on_bench
    assert isinstance(request, SweepRequest)
    assert request.plan.strategies == ("real",)
    assert request.plan.seeds == (42, 43, 44)
    assert request.plan.delta == PAPER_DELTA


def test_missing_runs_are_trained_on_the_chosen_one_of_two_sites(gaps_on_bench, monkeypatch):
    monkeypatch.setattr(resources, "training_sites", lambda _: ["elsewhere", "here"])
    app = open_page("trade_off")
    app.toggle(key="gaps").set_value(True).run()
    assert app.selectbox(key="gaps_site").options == ["elsewhere", "here"]

    app.selectbox(key="gaps_site").set_value("here").run()
    app.button(key="fill_gaps").click().run()

    assert not app.exception
    assert gaps_on_bench[0].source.site == "here"


def test_cohort_with_one_site_is_not_asked_for_it(gaps_on_bench):
    app = open_page("trade_off")
    app.toggle(key="gaps").set_value(True).run()

    app.button(key="fill_gaps").click().run()

    assert "gaps_site" not in [box.key for box in app.selectbox]
    assert gaps_on_bench[0].source.site is None


def test_cohort_without_gaps_says_so(dataset, private_home, gaps_on_bench, monkeypatch):
    monkeypatch.setattr(missing_runs, "shipped_budgets", lambda: (6.0,))
    config = RunConfig(
        strategy="real",
        privacy=PrivacyConfig(target_epsilon=6.0),
        recipe=RECIPES["real"],
        backbone=dataset.backbone,
    )
    (result,) = run_many(dataset, [config])
    RunRecorder(private_home).record(result, origin="live")
    app = open_page("trade_off")
    app.get_by_key("strategies").set_value(["real"]).run()
    app.toggle(key="gaps").set_value(True).run()

    app.get_by_key("gaps_seeds").set_value(1).run()

    assert not app.exception
    assert "Every shown point has its runs" in app.success[0].value
    assert not gaps_on_bench


def test_visible_points_hold_what_is_drawn_and_where_they_are_from():
    choices = make_choices(strategies=("real",), test_sets=("bcdr",))
    drawn = draw_from(choices)

    table = visible_points(choices, drawn)

    assert set(table["origin"]) == {"shipped", "paper"}
    assert set(table["test_set"]) == {"bcdr"} and set(table["strategy"]) == {"real"}
    assert len(table[table["origin"] == "shipped"]) == len(drawn.points)
    assert {"series", "test_set", "epsilon", "mean", "low", "high", "n"} <= set(table.columns)
    assert set(table["series"]) == {"real only", "real only, the paper"}
    assert table.notna()[["epsilon", "mean", "low", "high", "n"]].all(axis=None)
    assert (table["low"] <= table["mean"]).all() and (table["mean"] <= table["high"]).all()


def test_band_is_that_of_the_chosen_point_and_at_first_of_the_sentences_curve():
    choices = make_choices(strategies=("real", "pretrain"), test_sets=("bcdr",))
    drawn = draw_from(choices)

    bands = [
        [
            trace.meta["band_of"]
            for trace in figures(choices, drawn, chosen)["bcdr"].data
            if trace.meta
        ]
        for chosen in (None, "shipped/pretrain/patient/6/bcdr")
    ]

    assert bands == [["real only"], ["synthetic, then private on real"]]


def test_files_say_intervals_coverage_and_citation():
    notes = " ".join(provenance_of(make_choices(), "BCDR").notes)

    assert "95 % interval" in notes and "without differential privacy" in notes
    assert "arXiv:2407.12669" in notes
    assert provenance_of(make_choices(), "BCDR").title == "AUROC against privacy budget on BCDR"


def test_every_figure_has_its_own_control_and_all_have_one():
    app = open_page("trade_off")

    labels = {button.label for button in app.get("download_button")}

    for name in ("cbis-ddsm", "bcdr", "patient"):
        assert f"mammo_privacy_auroc_{name}.csv" in labels
    assert "mammo_privacy_results.parquet" in labels


def test_citation_names_paper_software_data_date_and_command():
    made = reference.measured_provenance()

    text = citation(make_choices())

    for part in ("arXiv:2407.12669", "Mammo Privacy Explorer", made["data_hash"], made["made"]):
        assert part in text
    assert made["command"] in text


def test_citation_of_other_measures_does_not_claim_the_papers_numbers():
    assert "Beside it" in citation(make_choices())
    assert "Beside it" not in citation(make_choices(metric="brier"))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("metric", METRIC_NAMES)
@pytest.mark.parametrize("test_set", SHIPPED)
def test_slides_tells_every_step_in_at_most_25_words(unit, metric, test_set):
    points = curve_points(reference.measured_results(), metric)
    points = points[(points["unit"] == unit) & (points["test_set"] == test_set)]

    for step in range(len(STEPS)):
        told = slide(
            step, points, metric=metric, unit=unit, num_units=578, test_set="CBIS-DDSM test"
        )
        assert len(told.sentence.split()) <= 25, told.sentence
        assert "nan" not in told.sentence
        assert len(told.content.data) > 0


def test_slides_takes_its_numbers_from_the_results():
    points = curve_points(reference.measured_results())
    points = points[(points["unit"] == "patient") & (points["test_set"] == "bcdr")].copy()
    is_best = (points["strategy"] == "real") & (points["target_epsilon"] == math.inf)
    points.loc[is_best, "mean"] = 0.87

    told = [
        slide(step, points, metric="auroc", unit="patient", num_units=99, test_set="BCDR")
        for step in range(len(STEPS))
    ]

    assert "AUROC is 0.87" in told[0].sentence and "99 patients" in told[0].sentence
    assert "from 0.87 to" in told[1].sentence
    assert "without differential privacy" in told[2].note
    assert "without differential privacy" in told[3].note


def test_slides_adds_one_strategy_after_the_other_on_the_same_axes():
    points = curve_points(reference.measured_results())
    points = points[(points["unit"] == "patient") & (points["test_set"] == "bcdr")]

    figures = [
        slide(step, points, metric="auroc", unit="patient", num_units=1, test_set="BCDR").content
        for step in range(4)
    ]

    lines = [
        {trace.name for trace in one.data if trace.mode == "lines+markers" and len(trace.x)}
        for one in figures
    ]
    assert lines == [
        set(),
        {"real only"},
        {"real only", "real + synthetic"},
        {"real only", "real + synthetic", "synthetic, then private on real"},
    ]
    assert len({one.layout.yaxis.range for one in figures}) == 1
    assert len({one.layout.xaxis.range for one in figures}) == 1


def test_talk_mode_steps_through_the_story_and_leaves():
    app = open_page("trade_off")
    app.button(key="enter_talk").click().run()
    seen = []
    for _ in STEPS:
        assert not app.exception
        assert "Research use only" in texts(app)
        seen.append(next(text.value for text in app.markdown if text.value.startswith("## ")))
        if not app.button(key="trade_off_next").disabled:
            app.button(key="trade_off_next").click().run()

    assert len(set(seen)) == len(STEPS)
    assert app.query_params["step"] == str(len(STEPS))
    app.button(key="trade_off_previous").click().run()
    app.button(key="remote_trade_off_next").click().run()
    assert app.query_params["step"] == str(len(STEPS))
    app.button(key="leave_talk").click().run()
    assert app.get_by_key("strategies")
    assert "talk" not in app.query_params


def test_every_strategy_can_be_drawn_with_every_measure():
    for metric in METRIC_NAMES:
        drawn = draw_from(make_choices(strategies=STRATEGIES, metric=metric))
        low, high = drawn.value_range()
        assert low < drawn.points["mean"].min() and high > drawn.points["mean"].max()
