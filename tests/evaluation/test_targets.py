import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.targets import smallest_budgets, with_chances


def make_points(means, half=0.05, strategy="real", test_set="here"):
    budgets = [1.0, 6.0, 60.0, math.inf][-len(means) :]
    means = np.array(means)
    return pd.DataFrame(
        {
            "strategy": strategy,
            "test_set": test_set,
            "target_epsilon": budgets,
            "mean": means,
            "low": np.clip(means - half, 0, 1),
            "high": np.clip(means + half, 0, 1),
        }
    )


def test_chance_is_that_of_the_interval():
    points = with_chances(make_points([0.70, 0.75, 0.80, 0.82]), "auroc", 0.75)

    deviation = 0.05 / norm.ppf(0.975)
    expected = norm.sf(0.75, loc=points["mean"], scale=deviation)
    np.testing.assert_allclose(points["chance"], expected, rtol=1e-5)
    assert points["chance"].iloc[1] == 0.5


def test_lower_is_better_for_the_brier_score():
    points = with_chances(make_points([0.30, 0.25, 0.20, 0.18]), "brier", 0.25)

    assert points["chance"].is_monotonic_increasing and points["chance"].iloc[1] == 0.5


def test_interval_cut_at_one_keeps_its_deviation():
    cut = with_chances(make_points([0.9, 0.98]), "auroc", 0.95)

    assert cut["high"].iloc[1] == 1
    assert cut["chance"].iloc[1] == pytest.approx(norm.sf(0.95, 0.98, 0.05 / norm.ppf(0.975)))


def test_smallest_budget_is_that_from_which_on_all_reach_the_target():
    points = with_chances(make_points([0.76, 0.70, 0.80, 0.82]), "auroc", 0.75)

    (row,) = smallest_budgets(points, 0.6).to_dict("records")

    assert row["epsilon"] == 60  # ε = 1 reached it, but ε = 6 did not
    assert row["chance"] == points["chance"].iloc[2] and row["best"] == points["chance"].max()


def test_series_are_answered_apart_and_say_when_nothing_reaches_the_target():
    points = pd.concat(
        [
            make_points([0.70, 0.72, 0.74, 0.80]),
            make_points([0.60, 0.62, 0.64, 0.66], test_set="elsewhere"),
        ]
    )

    found = smallest_budgets(with_chances(points, "auroc", 0.75), 0.9).set_index("test_set")

    assert math.isinf(found.loc["here", "epsilon"])
    assert math.isnan(found.loc["elsewhere", "epsilon"]) and found.loc["elsewhere", "best"] < 0.01


@pytest.mark.parametrize("target", [-0.1, 1.1, math.nan])
def test_impossible_targets_are_refused(target):
    with pytest.raises(InvalidRequestError, match=r"target in \[0, 1\]"):
        with_chances(make_points([0.7, 0.8]), "auroc", target)
