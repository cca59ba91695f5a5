import math

from mammo_core.figures.ledger import ledger_figure


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def test_releases_totals_and_budget_are_drawn():
    figure = ledger_figure([1, 2], ["a", "b"], [4.0, 3.0], [4.0, 5.3], budget=8.0)

    drawn = traces(figure)
    assert list(drawn["each release alone"].y) == [4.0, 3.0]
    assert list(drawn["all so far, together"].y) == [4.0, 5.3]
    assert list(drawn["budget ε = 8"].y) == [8.0, 8.0]
    assert 10 ** figure.layout.yaxis.range[1] > 8.0


def test_no_privacy_is_a_cross_above_everything_and_in_no_total():
    figure = ledger_figure([1, 2, 3], list("abc"), [4.0, math.inf, 3.0], [4.0, 4.0, 5.3])

    drawn = traces(figure)
    crosses = drawn["no privacy (not DP): in no total"]
    assert list(crosses.x) == [2]
    assert 5.3 < crosses.y[0] < 10 ** figure.layout.yaxis.range[1]
    assert list(drawn["each release alone"].x) == [1, 3]


def test_ledger_of_one_release_without_dp_can_be_drawn():
    figure = ledger_figure([1], ["a"], [math.inf], [0.0])

    assert list(traces(figure)["all so far, together"].y) == []
