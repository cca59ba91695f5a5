"""Rates of attacks, held to scikit-learn and to what can be counted by hand."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.attack_rates import attack_rates


def patients(count, each=1):
    return np.repeat([f"p{i}" for i in range(count)], each)


@pytest.mark.parametrize("weighted", [False, True])
def test_auc_and_true_positives_equal_scikit_learn(weighted):
    rng = np.random.default_rng(0)
    is_member = rng.random(3000) < 0.6
    scores = np.round(rng.normal(is_member * 0.8), 1)  # with ties
    weights = rng.integers(1, 4, 3000).astype(float) if weighted else None

    found = attack_rates(is_member, scores, patients(3000), weights, num_resamples=20)

    auc = roc_auc_score(is_member, scores, sample_weight=weights)
    fpr, tpr, _ = roc_curve(is_member, scores, sample_weight=weights, drop_intermediate=False)
    assert found.auc.value == pytest.approx(auc)
    assert found.tpr_at_1pct.value == pytest.approx(tpr[fpr <= 0.01].max())
    assert found.tpr_at_01pct.value == pytest.approx(tpr[fpr <= 0.001].max())


def test_few_false_accusations_are_none_when_there_are_few_to_accuse():
    is_member = np.array([True] * 4 + [False] * 50)
    scores = np.concatenate([[9.0, 8.0, 3.0, 1.0], [5.0], np.full(49, 2.0)])

    found = attack_rates(is_member, scores, patients(54), num_resamples=20)

    assert found.tpr_at_1pct.value == 0.5  # two members above the highest of 50 others
    assert found.tpr_at_01pct.value == 0.5


def test_interval_covers_the_truth_and_widens_when_masses_come_from_few_patients():
    rng = np.random.default_rng(1)
    is_member = np.repeat(np.arange(60) % 2 == 0, 10)
    of_patient = np.repeat(rng.normal(size=60), 10)
    scores = is_member + of_patient

    together = attack_rates(is_member, scores, patients(60, 10)).auc
    apart = attack_rates(is_member, scores, patients(600)).auc

    assert together.low < 0.76 < together.high  # Φ(1 / √2)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_best_attack_on_a_gaussian_mechanism_reaches_its_bound():
    """One number each, released with noise: members' numbers are μ higher, and telling them is optimal."""
    is_member = np.repeat([True, False], 20_000)
    scores = np.random.default_rng(3).normal(1.5 * is_member)

    found = attack_rates(is_member, scores, patients(40_000), num_resamples=50)

    assert found.auc.low <= norm.cdf(1.5 / 2**0.5) <= found.auc.high
    assert found.tpr_at_1pct.low <= norm.cdf(norm.ppf(0.01) + 1.5) <= found.tpr_at_1pct.high


def test_useless_scores_are_refused():
    with pytest.raises(InvalidRequestError, match="finite score"):
        attack_rates(np.array([True, False]), np.array([1.0, np.nan]), patients(2))
    with pytest.raises(InvalidRequestError, match="both classes"):
        attack_rates(np.array([True, True]), np.array([1.0, 2.0]), patients(2))
