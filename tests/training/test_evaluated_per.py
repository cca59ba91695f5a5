"""One finished run, evaluated per mass and per patient."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from mammo_core.errors import InvalidRequestError
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.fixture
def run(dataset):
    (result,) = run_many(dataset, [make_config(dataset, "pretrain", 6.0)])
    return result


def test_measures_per_patient_are_those_of_mean_logits(run):
    per_patient = run.evaluated_per("patient")

    for name, part in run.predictions.groupby("test_set"):
        part = part.assign(logit=logit(part["score"].clip(2**-25, 1 - 2**-25)))
        expected = part.groupby("patient_id").agg(label=("label", "max"), logit=("logit", "mean"))
        labels, scores = per_patient.tested[name]
        np.testing.assert_array_equal(labels, expected["label"])
        np.testing.assert_allclose(scores, expit(expected["logit"]))
        estimate = per_patient.estimates[name]["auroc"]
        assert estimate.value == pytest.approx(roc_auc_score(expected["label"], expected["logit"]))
        assert estimate.low < estimate.value < estimate.high
        assert estimate != run.estimates[name]["auroc"]


def test_run_keeps_its_masses_and_a_view_of_patients_names_its_numbers(run):
    per_patient = run.evaluated_per("patient")

    assert run.evaluated_per("mass") is run and per_patient.evaluated_per("patient") is per_patient
    assert len(run.predictions) == 100 and len(per_patient.predictions) == 50
    assert "here/auroc" in run.metrics and "here/patient_auroc_low" in run.metrics
    assert "here/auroc" not in per_patient.metrics
    assert per_patient.metrics["here/patient_brier"] == run.metrics["here/patient_brier"]
    assert not any("patient_" in name for name in run.metrics_per("mass"))


def test_store_gives_back_both(run, private_home):
    run_id = RunRecorder(private_home).record(run, origin="train")
    archive = RunArchive(private_home)

    for unit in ("mass", "patient"):
        rows = archive.rows(unit).set_index("test_set")
        for name, estimates in run.estimates_per_unit[unit].items():
            assert rows.loc[name, "auroc"] == pytest.approx(estimates["auroc"].value)
            assert rows.loc[name, "evaluation_unit"] == unit
        assert archive.load(run_id).estimates_per_unit[unit] == run.estimates_per_unit[unit]


def test_test_set_with_patients_of_one_class_is_left_out_and_a_run_with_none_left_is_refused(run):
    at_here = run.predictions["test_set"] == "here"
    one_class = run.predictions.assign(
        patient_id=run.predictions["patient_id"].where(~at_here, "the only one")
    )

    left = replace(run, predictions=one_class).evaluated_per("patient")

    assert set(left.estimates) == set(left.tested) == {"elsewhere"}
    everyone = replace(run, predictions=run.predictions.assign(patient_id="the only one"))
    assert "patient_auroc" not in "".join(everyone.metrics)
    with pytest.raises(InvalidRequestError, match="patients of both classes"):
        everyone.evaluated_per("patient")
