"""Numbers that were printed and recorded before: no change of accounting may move them."""

import pytest

from mammo_core.privacy.accounting.composition import compose, composed_epsilon
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost, total_epsilon
from mammo_core.privacy.accounting.risk import sampled_attacker_curve, sampled_attacker_tpr
from mammo_core.privacy.accounting.sampled import calibrate_sampled

DELTA = 1e-4
SMALL, LARGE = (1.1, 0.01, 1000), (2.0, 0.1, 200)
GENERATOR = [(5.0, 1.0, 1), (0.8, 0.1, 500)]
MIXED = [(1 / 0.3, 1.0, 1), (1.5, 0.2, 30), (4.0, 1.0, 3), (0.9, 0.05, 100), (2.0, 1.0, 1)]


@pytest.mark.parametrize(
    ("history", "epsilon", "epsilon_at_1e_6"),
    [
        ([SMALL], 1.2573639472, 1.7538731949),
        ([SMALL, LARGE], 3.2034893826, 4.2212854566),
        ([SMALL, (1 / 0.7, 1.0, 1)], 2.8879307298, 3.7650244923),
        (MIXED, 5.8223895154, 7.6801887052),
        (GENERATOR, 23.0860573560, 28.6037020784),
    ],
)
def test_totals_of_releases_are_what_they_were(history, epsilon, epsilon_at_1e_6):
    cost = PrivacyCost(
        steps=tuple(NoisySteps(*steps) for steps in history), unit="patient", largest_patient=1
    )

    assert total_epsilon([cost], DELTA) == pytest.approx(epsilon, rel=1e-8)
    assert total_epsilon([cost], 1e-6) == pytest.approx(epsilon_at_1e_6, rel=1e-8)


def test_total_of_a_group_is_what_it_was():
    cost = PrivacyCost(steps=(NoisySteps(3.0, 0.02, 200),), unit="image", largest_patient=3)

    assert total_epsilon([cost], DELTA) == pytest.approx(4.7757433574, rel=1e-8)


@pytest.mark.parametrize(
    ("history", "tpr"),
    [
        ((SMALL,), 0.0253647882),
        (((2.0, 0.1, 10),), 0.0165036723),
        (tuple(GENERATOR), 0.8859529992),
    ],
)
def test_attackers_are_what_they_were(history, tpr):
    assert sampled_attacker_tpr(history, 0.01) == pytest.approx(tpr, rel=1e-8)


def test_attackers_curve_is_what_it_was():
    _, tpr = sampled_attacker_curve([SMALL])

    assert tpr[[1, 13, 60, 120]] == pytest.approx(
        [0.0004308038, 0.0033630846, 0.4290226831, 0.8802969724], rel=1e-7
    )


@pytest.mark.parametrize(
    ("history", "accountant", "epsilon"),
    [
        ([SMALL], "prv", 1.266736402384652),
        ([SMALL], "rdp", 1.4369694102468633),
        (GENERATOR, "prv", 23.112750373008012),
        (GENERATOR, "rdp", 25.455357558171567),
        ([(0.3, 0.5, 2000)], "prv", 5912.316200559451),
    ],
)
def test_accountants_that_recipes_name_count_as_they_did(history, accountant, epsilon):
    assert composed_epsilon(history, DELTA, accountant) == pytest.approx(epsilon, rel=1e-9)


@pytest.mark.parametrize(
    ("accountant", "before", "noise"),
    [("prv", [(5.0, 1.0, 1)], 1.5309053915685096), ("rdp", [], 1.620047151945157)],
)
def test_calibrated_noise_is_what_it_was(accountant, before, noise):
    found = calibrate_sampled(
        3.0, DELTA, before=before, sample_rate=0.1, steps=100, accountant=accountant
    )

    assert found == pytest.approx(noise, abs=1e-3)  # the precision of the search


def test_composing_a_release_more_leaves_what_was_composed_before_alone():
    before = compose([SMALL]).get_epsilon(DELTA)

    assert compose([SMALL, (2.0, 1.0, 1)]).get_epsilon(DELTA) > before
    assert compose([SMALL]).get_epsilon(DELTA) == before
