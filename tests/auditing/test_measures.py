"""Measures of attacks, against exact ROC curves and a plain AUC."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_auc_score

from mammo_core.auditing.measures import measure_attack


def shifted(mu, models=300, units=200, seed=0):
    rng = np.random.default_rng(seed)
    took_part = rng.random((models, units)) < 0.5
    return rng.normal(size=(models, units)) + mu * took_part, took_part


def test_measures_are_those_of_the_known_curve():
    measures = measure_attack(*shifted(1.0), np.arange(200))

    assert measures.auc.value == pytest.approx(ndtr(1 / 2**0.5), abs=0.005)
    assert measures.tpr_at_1pct.value == pytest.approx(ndtr(ndtri(0.01) + 1), abs=0.01)
    assert measures.tpr_at_01pct.value == pytest.approx(ndtr(ndtri(0.001) + 1), abs=0.01)
    inner = measures.fpr > 1e-3
    np.testing.assert_allclose(
        measures.tpr[inner], ndtr(ndtri(np.minimum(measures.fpr[inner], 1 - 1e-12)) + 1), atol=0.015
    )


def test_auc_is_the_plain_one():
    scores, took_part = shifted(0.5, models=20, units=50)

    measures = measure_attack(scores, took_part, np.arange(50))

    assert measures.auc.value == pytest.approx(
        roc_auc_score(took_part.ravel(), scores.ravel()), abs=1e-3
    )


def test_curve_is_a_curve():
    measures = measure_attack(*shifted(0.3), np.arange(200))

    assert (measures.fpr[0], measures.tpr[0], measures.tpr[-1]) == (0, 0, 1)
    assert (np.diff(measures.tpr) >= 0).all()


def test_interval_covers_and_widens_when_columns_belong_together():
    """Units of one patient that all leak alike tell less than as many patients would."""
    rng = np.random.default_rng(0)
    scores, took_part = shifted(0.0, units=200)
    leak = np.repeat(rng.random(20) < 0.5, 10)  # half of 20 patients with 10 masses each
    scores += 2 * took_part * leak

    alone = measure_attack(scores, took_part, np.arange(200)).auc
    together = measure_attack(scores, took_part, np.repeat(np.arange(20), 10)).auc

    assert alone.low < alone.value < alone.high
    assert alone.value == together.value
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_all_inside_is_refused():
    with pytest.raises(ValueError, match="some who did not"):
        measure_attack(np.zeros((2, 3)), np.ones((2, 3), bool), np.arange(3))
