import math

import numpy as np
import pytest

from mammo_core.figures.case_scores import BudgetScores, case_scores_figure


def budget(epsilon, scores, thresholds):
    return BudgetScores(
        epsilon=epsilon,
        scores=np.array(scores),
        thresholds=np.array(thresholds),
        benign=np.linspace(0, 0.5, 101),
        malignant=np.linspace(0.4, 1, 101),
    )


@pytest.fixture
def traces():
    figure = case_scores_figure(
        [
            budget(1.0, [0.2, 0.9, 0.4], [0.5, 0.5, 0.3]),
            budget(math.inf, [0.7], [math.nan]),
        ]
    )
    return {trace.name: trace for trace in figure.data}, figure


def test_every_score_is_drawn_once_with_the_call_of_its_own_model(traces):
    by_name, _ = traces

    assert list(by_name["this mass, called malignant"].y) == [0.9, 0.4]
    assert list(by_name["this mass, not called malignant"].y) == [0.2, 0.7]
    assert (
        by_name["this mass, called malignant"].marker.symbol
        != by_name["this mass, not called malignant"].marker.symbol
    )


def test_boxes_hold_the_quantiles_of_either_class(traces):
    by_name, _ = traces

    benign = by_name["benign test masses"]
    assert list(benign.median) == pytest.approx([0.25, 0.25])
    assert list(benign.upperfence) == pytest.approx([0.45, 0.45])
    assert list(by_name["malignant test masses"].q1) == pytest.approx([0.55, 0.55])


def test_budgets_stand_in_order_and_no_privacy_is_called_not_dp(traces):
    by_name, figure = traces

    assert list(figure.layout.xaxis.ticktext) == ["1", "∞ (not DP)"]
    threshold = by_name["threshold, mean over models"]
    assert [y for y in threshold.y if y is not None] == pytest.approx([1.3 / 3] * 2)
