import json
import math

import pytest
from mlflow import MlflowClient

from mammo_core.experiments.tracking import EXPERIMENT
from pages.ui import live_session
from tests.app.helpers import open_page
from tests.cohorts.test_folders import name, write_png


def figure(app, index=0):
    return json.loads(app.get("plotly_chart")[index].proto.spec)


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


@pytest.mark.parametrize("page", ["home", "trade_off", "live"])
def test_every_page_opens_and_says_research_use_only(page):
    app = open_page(page)

    assert not app.exception
    assert "Research use only, not for diagnosis" in texts(app)


def test_front_page_says_how_to_get_data_and_what_is_shipped():
    app = open_page("home")

    assert "RichardObi/mammo_dp" in texts(app)
    assert "built-in demo" in texts(app)
    assert "578 training patients" in texts(app)


def test_trade_off_draws_both_test_sets_on_a_log_axis_with_the_paper():
    app = open_page("trade_off")

    for index in range(2):
        drawn = figure(app, index)
        assert drawn["layout"]["xaxis"]["type"] == "log"
        names = [trace.get("name") for trace in drawn["data"]]
        assert "synthetic, then private on real" in names
        assert "the paper, same colours" in names


def test_trade_off_paper_can_be_switched_off_and_strategies_chosen():
    app = open_page("trade_off")

    app.toggle(key="paper").set_value(False).run()
    app.get_by_key("strategies").set_value(["real"]).run()

    assert not app.exception
    names = {trace.get("name") for trace in figure(app)["data"]} - {None}
    assert names == {"real only", "real only, no privacy"}


def test_trade_off_table_shows_the_points_in_words():
    (table,) = (element.value for element in open_page("trade_off").dataframe)

    assert set(table["test set"]) == {"cbis-ddsm", "bcdr"}
    row = table[(table["target ε"] == "6") & (table["test set"] == "cbis-ddsm")].iloc[0]
    assert row["95 % from"] < row["AUROC"] < row["to"]
    assert "∞ (not DP)" in set(table["target ε"])


def test_trade_off_without_a_strategy_asks_for_one():
    app = open_page("trade_off")

    app.get_by_key("strategies").set_value([]).run()

    assert not app.exception
    assert "Choose at least one" in app.info[0].value


def test_trade_off_hides_the_papers_other_measures_and_says_why():
    app = open_page("trade_off")

    app.selectbox(key="metric").set_value("average_precision").run()

    assert not any("paper" in (trace.get("name") or "") for trace in figure(app)["data"])
    assert "benign as the positive class" in texts(app)


def test_live_retrains_when_the_budget_moves(private_home):
    app = open_page("live")
    before = figure(app)["data"][1]
    first = app.metric[0].value

    app.select_slider(key="live_epsilon").set_value(0.05).run()

    assert not app.exception
    assert "ε spent **0.05**" in texts(app)
    assert (figure(app)["data"][1], app.metric[0].value) != (before, first)
    client = MlflowClient(f"sqlite:///{private_home / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert sorted(run.data.params["privacy.target_epsilon"] for run in runs) == ["0.05", "6.0"]


def test_live_at_infinity_says_no_privacy():
    app = open_page("live")

    app.select_slider(key="live_epsilon").set_value(math.inf).run()

    assert not app.exception
    assert "No privacy (not DP)" in texts(app)


def test_live_adds_up_what_was_released():
    app = open_page("live")

    app.select_slider(key="live_epsilon").set_value(8.0).run()

    assert "Released in this session: 2 model(s)" in app.expander[0].label
    assert "2 with the patient as the unit: **ε = 10.9" in texts(app)


def test_live_with_demo_says_that_it_is_no_mammogram():
    assert "not mammograms" in texts(open_page("live"))


def test_live_with_an_unusable_cohort_shows_the_error_and_no_traceback(tmp_path):
    for split in ("train", "test"):
        write_png(tmp_path / f"data/cohort/site/{split}/is_benign_true" / name(flag=1))

    app = open_page("live")

    assert not app.exception
    assert "Expected benign and malignant masses in the part 'train'" in app.error[0].value


def test_live_lists_files_left_out_and_asks_before_a_long_computation(tmp_path, monkeypatch):
    for split in ("train", "test"):
        for flag, folder in ((0, "is_benign_false"), (1, "is_benign_true")):
            write_png(tmp_path / "data/cohort/site" / split / folder / name(flag=flag))
    (tmp_path / "data/cohort/site/train/is_benign_true/stray.png").write_bytes(b"")
    opened = []
    monkeypatch.setattr(
        live_session.resources, "compute_features", lambda *args: opened.append(args)
    )

    app = open_page("live")

    assert not app.exception
    assert "have no features yet" in app.warning[0].value
    assert app.expander[0].label == "1 file(s) of this cohort were left out"
    assert not opened
