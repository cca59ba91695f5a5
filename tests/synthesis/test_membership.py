"""Attacks on made-up generators: copying is found out, independence is not accused, splits do not pass for leaks."""

import numpy as np
import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.synthesis.membership import (
    Suspects,
    calibrated_scores,
    judge_attack,
    nearest_scores,
)

DIMS = 8
EACH = 2  # masses of a patient


def masses(patients, seed):
    """(N, V, D) turned masses that spread unevenly: some lie where others are dense."""
    rng = torch.Generator().manual_seed(seed)
    centre = torch.randn(patients * EACH, 1, DIMS, generator=rng)
    spread = torch.rand(patients * EACH, 1, 1, generator=rng) * 2
    return centre * spread + 0.05 * torch.randn(patients * EACH, 4, DIMS, generator=rng)


def ids(patients, name):
    return np.repeat([f"{name}{i}" for i in range(patients)], EACH)


MEMBERS, OTHERS, REFERENCE = masses(150, 0), masses(150, 1), masses(200, 2)
VIEWS = torch.cat([MEMBERS, OTHERS])
SUSPECTS = Suspects(
    is_member=np.repeat([True, False], 150 * EACH),
    labels=np.tile([0, 1], 150 * EACH),
    patient_ids=np.concatenate([ids(150, "in"), ids(150, "out")]),
)


def scores(attack, synthetic):
    if attack == "nearest":
        return nearest_scores(VIEWS, synthetic)
    return calibrated_scores(
        VIEWS, SUSPECTS.patient_ids, synthetic, REFERENCE, ids(200, "reference")
    )


both = pytest.mark.parametrize("attack", ["nearest", "calibrated"])
levels = pytest.mark.parametrize("level", ["mass", "patient"])


@both
@levels
def test_generator_that_copies_is_found_out_in_any_turn(attack, level):
    copies = MEMBERS[:, 2] + 0.01 * torch.randn(len(MEMBERS), DIMS)

    found = judge_attack(SUSPECTS, scores(attack, copies), level)

    assert found.auc.low > 0.95
    assert found.tpr_at_1pct.low > 0.7


@both
@levels
def test_independent_generator_is_not_accused(attack, level):
    fresh = masses(300, 7)[:, 0]

    found = judge_attack(SUSPECTS, scores(attack, fresh), level)

    assert found.auc.low < 0.5 < found.auc.high
    assert found.auc.value == pytest.approx(0.5, abs=0.06)
    assert found.tpr_at_1pct.value < 0.06


def test_calibration_finds_copies_where_masses_are_sparse_and_dense_alike():
    """A generator that copies loosely: near to typical masses of anybody, nearer to its own."""
    size = MEMBERS[:, 0].norm(dim=1, keepdim=True)
    loose = MEMBERS[:, 0] + 0.2 * size * torch.randn(len(MEMBERS), DIMS)

    plain, calibrated = (
        judge_attack(SUSPECTS, scores(attack, loose), "mass").auc.value
        for attack in ("nearest", "calibrated")
    )

    assert calibrated > plain + 0.03


def test_patient_is_as_suspicious_as_the_closest_mass():
    suspects = Suspects(
        np.array([True, True, False, False]),
        np.array([0, 1, 0, 0]),
        np.array(["b", "b", "a", "c"]),
    )

    patients, highest = suspects.per_patient(np.array([1.0, 5.0, 2.0, 3.0]))

    assert patients.patient_ids.tolist() == ["a", "b", "c"]
    assert highest.tolist() == [2.0, 5.0, 3.0]
    assert patients.labels.tolist() == [0, 1, 0]
    assert patients.is_member.tolist() == [False, True, False]


def test_shift_of_class_balance_alone_is_no_leak():
    """Malignant masses score higher whoever they are, and most members are malignant."""
    labels = np.concatenate([np.arange(400) % 4 != 0, np.arange(400) % 4 == 0]).astype(int)
    is_member = np.repeat([True, False], 400)
    by_class = labels + np.random.default_rng(0).normal(size=800) * 0.1
    suspects = Suspects(is_member, labels, np.array([f"p{i}" for i in range(800)]))

    found = judge_attack(suspects, by_class, "mass").auc

    assert found.low < 0.5 < found.high
    weights = suspects.class_weights()
    assert (weights[is_member] == 1).all()
    assert (weights * labels)[~is_member].sum() / weights[~is_member].sum() == pytest.approx(0.75)


def test_class_without_non_members_is_refused():
    suspects = Suspects(np.array([True, False]), np.array([1, 0]), np.array(["a", "b"]))

    with pytest.raises(InvalidRequestError, match="malignant masses among the non-members"):
        suspects.class_weights()


def test_mass_is_not_calibrated_by_its_own_patients_other_mass():
    twins = OTHERS.clone()
    twins[1::2] = twins[::2] + 1e-3  # nearly the same
    patients = ids(150, "out")
    synthetic = masses(50, 9)[:, 0]

    honest = calibrated_scores(twins, patients, synthetic, twins, patients)
    blind = calibrated_scores(twins, patients, synthetic, twins, ids(150, "nobody"))

    assert np.isfinite(honest).all()
    assert np.median(blind) < np.median(honest) - 2


def test_copy_to_the_last_bit_has_a_finite_score():
    found = scores("calibrated", MEMBERS[:1, 0])

    assert np.isfinite(found).all()
    assert found.argmax() == 0
