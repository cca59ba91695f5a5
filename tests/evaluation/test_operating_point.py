import numpy as np
import pytest

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.metrics import weighted_metrics
from mammo_core.evaluation.operating_point import (
    Confusion,
    confusion_at,
    threshold_at_specificity,
    wilson_interval,
)


def made_scores(seed=0, count=200, decimals=2):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    return labels, (1 / (1 + np.exp(-rng.normal(labels, 1.5)))).round(decimals)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("specificity", [0.5, 0.8, 0.9, 0.95, 1.0])
def test_threshold_keeps_the_wanted_specificity_and_no_lower_one_does(seed, specificity):
    labels, scores = made_scores(seed)

    threshold = threshold_at_specificity(labels, scores, specificity)

    assert confusion_at(labels, scores, threshold).rates()["specificity"].value >= specificity
    lower = scores[scores < threshold].max()
    assert confusion_at(labels, scores, lower).rates()["specificity"].value < specificity


def test_sensitivity_at_the_threshold_is_that_of_the_metric():
    labels, scores = made_scores(3, decimals=4)
    metric = weighted_metrics(labels, scores, np.ones((1, len(labels))))

    confusion = confusion_at(labels, scores, threshold_at_specificity(labels, scores, 0.9))

    assert confusion.rates()["sensitivity"].value == metric.sensitivity_at_90_specificity[0]


def test_threshold_lies_above_all_scores_when_the_highest_is_benign_and_none_may_be_flagged():
    labels, scores = np.array([1, 0]), np.array([0.2, 0.9])

    threshold = threshold_at_specificity(labels, scores, 1.0)

    assert threshold > 0.9
    assert confusion_at(labels, scores, threshold) == Confusion(0, 1, 0, 1)


def test_counts_of_a_worked_case():
    labels, scores = np.array([1, 1, 1, 0, 0]), np.array([0.9, 0.5, 0.1, 0.5, 0.2])

    assert confusion_at(labels, scores, 0.5) == Confusion(2, 1, 1, 1)


def test_rates_that_count_nothing_are_none():
    rates = Confusion(
        true_positives=0, false_negatives=3, false_positives=0, true_negatives=5
    ).rates()

    assert rates["PPV"] is None
    assert rates["sensitivity"].value == 0
    assert rates["NPV"].value == 5 / 8


@pytest.mark.parametrize("successes, trials", [(0, 10), (1, 10), (7, 10), (10, 10), (381, 402)])
def test_wilson_interval_is_that_of_scipy(successes, trials):
    from scipy.stats import binomtest

    expected = binomtest(successes, trials).proportion_ci(method="wilson")

    interval = wilson_interval(successes, trials)

    assert interval.value == successes / trials
    assert interval.low == pytest.approx(expected.low, abs=1e-6)
    assert interval.high == pytest.approx(expected.high, abs=1e-6)


@pytest.mark.parametrize("specificity", [0.0, -0.1, 1.01, float("nan")])
def test_impossible_specificity_is_refused(specificity):
    with pytest.raises(InvalidRequestError, match="Expected 0 < specificity <= 1"):
        threshold_at_specificity(*made_scores(), specificity)


def test_unequal_lengths_no_benign_and_too_many_successes_are_refused():
    with pytest.raises(InvalidRequestError, match="of one length"):
        confusion_at(np.array([0, 1]), np.array([0.5]), 0.5)
    with pytest.raises(InvalidRequestError, match="Expected a benign mass"):
        threshold_at_specificity(np.array([1, 1]), np.array([0.5, 0.6]), 0.9)
    with pytest.raises(InvalidRequestError, match="Expected successes <= trials"):
        wilson_interval(3, 2)
