import numpy as np
import pytest
from scipy.special import expit, logit

from mammo_core.evaluation.bootstrap import PatientBootstrap
from mammo_core.evaluation.patients import Patients

LABELS = np.array([0, 1, 1, 0, 0])
OWNERS = np.array(["b", "a", "b", "c", "c"])


def test_patient_is_malignant_if_any_of_her_masses_is():
    patients = Patients.of(LABELS, OWNERS)

    assert patients.ids.tolist() == ["a", "b", "c"]
    assert patients.labels.tolist() == [1, 1, 0]
    assert patients.of_mass.tolist() == [1, 0, 1, 2, 2]


def test_score_of_a_patient_has_the_mean_logit_of_her_masses():
    scores = Patients.of(LABELS, OWNERS).scores(np.array([0.5, 0.2, 0.9, 0.1, 0.3]))

    middle = [0.2, expit(np.log(9) / 2), expit((logit(0.1) + logit(0.3)) / 2)]
    np.testing.assert_allclose(scores, middle, rtol=1e-12)


def test_certain_scores_stay_finite_and_can_be_outvoted():
    scores = Patients.of(LABELS, OWNERS).scores(np.array([0.0, 1.0, 1.0, 0.0, 0.999]))

    assert np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()
    assert scores[1] == pytest.approx(0.5)  # equally sure of both


def test_patients_of_one_class_cannot_be_evaluated():
    assert Patients.of(LABELS, OWNERS).have_both_classes
    assert not Patients.of(np.array([0, 1]), np.array(["a", "a"])).have_both_classes
    assert not Patients.of(np.array([], dtype=int), np.array([], dtype=str)).have_both_classes


def test_masses_and_patients_share_their_resamples():
    patients = Patients.of(LABELS, OWNERS)
    of_masses = PatientBootstrap(LABELS, OWNERS, num_resamples=20).weights
    of_patients = PatientBootstrap(patients.labels, patients.ids, num_resamples=20).weights

    np.testing.assert_array_equal(of_masses, of_patients[:, patients.of_mass])
