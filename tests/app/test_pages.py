import json

import pytest

from tests.app.helpers import open_page


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
