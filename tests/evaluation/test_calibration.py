import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.calibration import reliability


def test_bins_agree_with_scikit_learn_where_scores_are_distinct():
    rng = np.random.default_rng(0)
    scores = rng.permutation(np.linspace(0.01, 0.99, 80))
    labels = (rng.random(80) < scores).astype(int)

    bins = reliability(labels, scores, num_bins=8)
    share, mean = calibration_curve(labels, scores, n_bins=8, strategy="quantile")

    np.testing.assert_allclose(bins["share"], share)
    np.testing.assert_allclose(bins["mean_score"], mean)
    assert bins["count"].tolist() == [10] * 8
    assert (bins["low"] <= bins["share"]).all() and (bins["share"] <= bins["high"]).all()


def test_few_masses_make_few_bins():
    assert reliability(np.array([0, 1]), np.array([0.2, 0.9]))["count"].tolist() == [1, 1]


def test_lengths_must_agree():
    with pytest.raises(InvalidRequestError, match="Expected labels and scores of one length"):
        reliability(np.array([0, 1]), np.array([0.5]))
