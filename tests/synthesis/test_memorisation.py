import numpy as np
import pytest
import torch

from mammo_core.synthesis.memorisation import calibrate, nearest_views


def views(count, seed, dims=16):
    return torch.randn(count, 8, dims, generator=torch.Generator().manual_seed(seed))


def find_copies(synthetic, *real, **options):
    return calibrate(*real, **options).check(synthetic)


TRAIN, HELDOUT = views(300, 0), views(200, 1)
PATIENTS = np.array([f"p{i // 2}" for i in range(200)])


def test_fresh_masses_are_flagged_no_more_often_than_unseen_real_ones():
    check = find_copies(views(2000, 2)[:, 0], TRAIN, HELDOUT, PATIENTS)

    assert check.flagged_rate < 0.03


def test_copies_are_flagged_in_any_view_and_their_source_is_named():
    fresh = views(90, 2)[:, 0]
    copies = TRAIN[:10, 5] + 0.05 * views(10, 3)[:, 0]  # of a turned training mass

    check = find_copies(torch.cat([copies, fresh]), TRAIN, HELDOUT, PATIENTS)

    assert check.flagged[:10].all()
    assert check.nearest_train[:10].tolist() == list(range(10))
    assert check.p_value < 1e-6


def test_threshold_flags_the_expected_share_of_unseen_real_masses():
    check = find_copies(views(10, 2)[:, 0], TRAIN, HELDOUT, PATIENTS, expected_rate=0.05)
    unseen = views(2000, 4)[:, 0]

    rate = find_copies(unseen, TRAIN, HELDOUT, PATIENTS, expected_rate=0.05).flagged_rate

    assert check.expected_rate == 0.05
    assert rate == pytest.approx(0.05, abs=0.04)


def test_twin_of_the_same_patient_does_not_hide_in_the_calibration():
    twins = HELDOUT.clone()
    twins[1::2] = twins[::2] + 0.01  # two nearly equal masses of every held-out patient

    honest = find_copies(views(50, 2)[:, 0], TRAIN, twins, PATIENTS).threshold
    blind = find_copies(views(50, 2)[:, 0], TRAIN, twins, np.arange(200).astype(str)).threshold

    assert honest < 1.2
    assert blind > 5


def test_a_few_heldout_masses_allow_no_finer_rate_than_one_of_them():
    check = find_copies(TRAIN[:, 0], TRAIN, HELDOUT[:50], PATIENTS[:50])

    assert check.expected_rate == 1 / 50


def test_calibration_judges_single_masses_as_it_judges_many():
    masses = torch.cat([views(20, 2)[:, 0], TRAIN[:3, 5]])
    together = find_copies(masses, TRAIN, HELDOUT, PATIENTS)
    detector = calibrate(TRAIN, HELDOUT, PATIENTS)

    single = [detector.check(mass[None]) for mass in masses]

    assert detector.threshold == together.threshold
    assert [bool(check.flagged[0]) for check in single] == together.flagged.tolist()
    assert [int(check.nearest_train[0]) for check in single] == together.nearest_train.tolist()


def test_nearest_views_name_row_and_turn_nearest_first():
    mass = TRAIN[7, 3] + 1e-3

    found = nearest_views(mass, TRAIN, 5)

    assert (found.rows[0], found.views[0]) == (7, 3)
    assert found.distances.tolist() == sorted(found.distances)
    assert len(nearest_views(mass, TRAIN[:2], 5).rows) == 2
