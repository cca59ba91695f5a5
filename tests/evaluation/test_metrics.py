import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import PatientBootstrap
from mammo_core.evaluation.metrics import roc_points, weighted_metrics


def sklearn_metrics(labels, scores, weights):
    fpr, tpr, _ = roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    return {
        "auroc": roc_auc_score(labels, scores, sample_weight=weights),
        "average_precision": average_precision_score(labels, scores, sample_weight=weights),
        "sensitivity_at_90_specificity": tpr[fpr <= 0.1 + 1e-12].max(),
        "brier": brier_score_loss(labels, scores, sample_weight=weights),
    }


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 10_000), count=st.integers(5, 60), levels=st.integers(2, 50))
def test_all_measures_equal_scikit_learn_with_ties_and_weights(seed, count, levels):
    rng = np.random.default_rng(seed)
    labels = np.append([0, 1], rng.integers(0, 2, count))
    scores = rng.integers(0, levels, count + 2) / levels  # many ties
    weights = rng.integers(0, 4, (3, count + 2)).astype(float)
    weights[:, :2] = 1

    ours = weighted_metrics(labels, scores, weights)

    for row in range(3):
        for name, expected in sklearn_metrics(labels, scores, weights[row]).items():
            assert getattr(ours, name)[row] == pytest.approx(expected, abs=1e-9), name


def test_malignant_is_the_positive_class():
    measured = weighted_metrics(np.array([0, 1]), np.array([0.1, 0.9]), np.ones((1, 2)))

    assert measured.auroc[0] == 1.0
    assert measured.sensitivity_at_90_specificity[0] == 1.0


def test_resample_without_one_class_is_nan_not_a_number():
    measured = weighted_metrics(np.array([0, 1]), np.array([0.1, 0.9]), np.array([[1.0, 0.0]]))

    assert np.isnan(measured.auroc[0])
    assert np.isnan(measured.sensitivity_at_90_specificity[0])


@pytest.mark.parametrize("bad", [1.2, -0.1, np.nan])
def test_scores_that_are_no_probabilities_are_refused(bad):
    with pytest.raises(InvalidRequestError, match=r"Expected scores in \[0, 1\]"):
        weighted_metrics(np.array([0, 1]), np.array([0.1, bad]), np.ones((1, 2)))


def test_shapes_that_differ_are_refused_with_their_shapes():
    with pytest.raises(InvalidRequestError, match=r"got \(2,\), \(3,\), \(1, 2\)"):
        weighted_metrics(np.array([0, 1]), np.zeros(3), np.ones((1, 2)))


def test_roc_runs_from_corner_to_corner():
    fpr, tpr = roc_points(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.5, 0.4]))

    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)


def clustered_scores(rng, patients=80, masses_each=5):
    """Masses of one patient share nearly all of their score."""
    patient_labels = np.arange(patients) % 2
    level = rng.normal(0.8 * patient_labels, 1)
    labels = np.repeat(patient_labels, masses_each)
    logits = np.repeat(level, masses_each) + rng.normal(0, 0.1, patients * masses_each)
    ids = np.repeat([f"p{i}" for i in range(patients)], masses_each)
    return labels, 1 / (1 + np.exp(-logits)), ids


def test_interval_over_patients_equals_one_written_out_with_scikit_learn():
    labels, scores, ids = clustered_scores(np.random.default_rng(0))
    rng, values = np.random.default_rng(1), []
    for _ in range(1000):
        drawn = rng.choice(np.unique(ids), len(np.unique(ids)))
        rows = np.concatenate([np.flatnonzero(ids == patient) for patient in drawn])
        values.append(roc_auc_score(labels[rows], scores[rows]))
    low, high = np.quantile(values, [0.025, 0.975])

    estimate = PatientBootstrap(labels, ids).evaluate(scores)["auroc"]

    assert estimate.value == pytest.approx(roc_auc_score(labels, scores))
    assert estimate.low == pytest.approx(low, abs=0.012)
    assert estimate.high == pytest.approx(high, abs=0.012)


def test_interval_over_patients_is_wider_than_one_over_masses():
    labels, scores, ids = clustered_scores(np.random.default_rng(0))

    by_patient = PatientBootstrap(labels, ids).evaluate(scores)["auroc"]
    by_mass = PatientBootstrap(labels, np.arange(len(ids)).astype(str)).evaluate(scores)["auroc"]

    assert by_patient.high - by_patient.low > 1.8 * (by_mass.high - by_mass.low)


def test_interval_covers_the_true_value_about_as_often_as_it_says():
    rng, true_value, covered = np.random.default_rng(2), 0.7142, 0  # Φ(0.8 / √2)
    for _ in range(200):
        labels, scores, ids = clustered_scores(rng, patients=100, masses_each=2)
        estimate = PatientBootstrap(labels, ids, 200).evaluate(scores)["auroc"]
        covered += estimate.low <= true_value <= estimate.high

    assert 0.88 <= covered / 200 <= 0.99


def test_test_set_with_one_class_is_refused():
    with pytest.raises(InvalidRequestError, match="both classes and two patients"):
        PatientBootstrap(np.zeros(4, int), np.array(list("abcd")))
