import json
import math
from base64 import b64decode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_core import reference
from mammo_core.cohorts.installed import DataSource
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import PAPER_DELTA, STRATEGIES, UNITS, PrivacyConfig, RunConfig
from mammo_core.evaluation.curves import curve_points
from mammo_core.evaluation.metrics import METRIC_NAMES
from mammo_core.jobs.requests import SweepRequest
from mammo_core.results.recording import RunRecorder
from mammo_core.system.secret_key import sealed_identity
from pages.ui.state import resources
from pages.ui.trade_off import missing_runs
from pages.ui.trade_off import points as trade_off_points
from pages.ui.trade_off.citation import citation, provenance_of
from pages.ui.trade_off.export import visible_points
from pages.ui.trade_off.points import CurveChoices, draw_from
from pages.ui.trade_off.slides import STEPS, slide
from tests.app.helpers import open_page
from tests.helpers.made_ledgers import run_many

SHIPPED = ("cbis-ddsm", "bcdr")


def figure(app, index=0):
    return json.loads(app.get("plotly_chart")[index].proto.spec)


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


def trace_names(app, index=0):
    return {trace.get("name") for trace in figure(app, index)["data"]} - {None}


def make_choices(**changed):
    chosen = {
        "strategies": ("real", "pretrain"),
        "unit": "patient",
        "metric": "auroc",
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

    assert len(app.get("plotly_chart")) == 2
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


def test_trade_off_draws_only_the_chosen_test_set():
    app = open_page("trade_off")

    app.get_by_key("test_sets").set_value(["bcdr"]).run()

    assert not app.exception
    assert [heading.value for heading in app.subheader] == ["BCDR (another site)"]
    (table,) = (element.value for element in app.dataframe)
    assert set(table["test set"]) == {"bcdr"}


def test_trade_off_shows_every_seed_as_a_dot_in_place_of_the_bands():
    app = open_page("trade_off")

    app.get_by_key("spread").set_value("every seed").run()

    assert not app.exception
    dots = [t for t in figure(app)["data"] if (t.get("name") or "").endswith("every seed")]
    assert dots and not any(trace.get("fill") for trace in figure(app)["data"])


def test_trade_off_table_shows_the_points_in_words():
    (table,) = (element.value for element in open_page("trade_off").dataframe)

    assert set(table["test set"]) == {"cbis-ddsm", "bcdr"}
    row = table[(table["target ε"] == "6") & (table["test set"] == "cbis-ddsm")].iloc[0]
    assert row["95 % from"] < row["AUROC"] < row["to"]
    assert "∞ (not DP)" in set(table["target ε"])


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
        {"test_sets": "mars"},
        {"talk": "1", "step": "-4"},
        {"talk": "yes"},
    ],
)
def test_trade_off_survives_a_link_with_impossible_choices(wrong):
    app = open_page("trade_off")
    for key, value in wrong.items():
        app.query_params[key] = value

    app.run()

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
    monkeypatch.setattr(resources, "measured_roc", lambda: curve)
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
    assert "names at most 19.3% of the 578 patients it was trained on" in texts(app)
    rings = [trace for trace in figure(app, 1)["data"] if trace.get("name") == "chosen"]
    assert len(rings) == 1


def test_every_shipped_point_has_its_roc():
    curves = reference.measured_roc()
    keys = ["strategy", "unit", "target_epsilon", "test_set"]

    drawn = {tuple(key) for key in curves[keys].drop_duplicates().to_numpy()}

    points = curve_points(reference.measured_results())
    assert {tuple(key) for key in points[keys].to_numpy()} <= drawn


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
    assert [heading.value for heading in app.subheader][2:] == ["elsewhere", "here"]
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
        seen.append(next(text.value for text in app.markdown if text.value.startswith("### ")))
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
