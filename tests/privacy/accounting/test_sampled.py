import math

import pytest

from mammo_core.errors import InvalidRequestError, PrivacyError
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.accounting.sampled import calibrate_sampled, epsilon_spent

DELTA = 1e-4
PAPER = {"sample_rate": 128 / 1104, "steps": 2700}


def test_steps_of_all_units_are_counted_exactly():
    noise = calibrate_sampled(3.0, DELTA, sample_rate=1.0, steps=100)

    assert noise == gaussian.calibrate_gaussian(3.0, DELTA, 100)
    assert epsilon_spent([(noise, 1.0, 100)], DELTA) == pytest.approx(3.0, rel=1e-5)
    assert epsilon_spent([(noise, 1.0, 60), (noise, 1.0, 40)], DELTA) <= 3.0


def test_no_steps_spend_nothing_and_steps_without_noise_everything():
    assert epsilon_spent([], DELTA) == 0.0
    assert math.isinf(epsilon_spent([(0.0, 1.0, 3)], DELTA))
    assert math.isinf(epsilon_spent([(0.0, 0.5, 3)], DELTA))


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_noise_of_the_paper_s_sampling_spends_the_target_and_never_more(epsilon):
    noise = calibrate_sampled(epsilon, DELTA, **PAPER)

    spent = epsilon_spent([(noise, *PAPER.values())], DELTA)
    assert 0.97 * epsilon < spent <= epsilon


def test_the_paper_s_accountant_asks_for_more_noise():
    prv, rdp = (
        calibrate_sampled(1.0, DELTA, **PAPER, accountant=accountant)
        for accountant in ("prv", "rdp")
    )
    history = [(rdp, *PAPER.values())]

    assert 1.02 * prv < rdp < 1.2 * prv
    assert 0.99 < epsilon_spent(history, DELTA, "rdp") <= 1.0
    assert epsilon_spent(history, DELTA) < 0.97


def test_the_paper_s_accountant_also_counts_steps_of_all_units():
    exact, rdp = (
        calibrate_sampled(2.0, DELTA, sample_rate=1.0, steps=10, accountant=accountant)
        for accountant in ("prv", "rdp")
    )

    assert exact < rdp < 1.3 * exact


def test_budgets_beyond_double_precision_are_counted_by_the_older_accountant():
    noise = calibrate_sampled(500.0, DELTA, **PAPER)

    assert 450 < epsilon_spent([(noise, *PAPER.values())], DELTA) <= 500


def test_sampling_more_of_the_units_needs_more_noise():
    noises = [
        calibrate_sampled(2.0, DELTA, sample_rate=rate, steps=50) for rate in (0.05, 0.2, 1.0)
    ]

    assert noises == sorted(noises) and noises[0] < noises[-1] / 2


def test_impossible_requests_are_refused():
    with pytest.raises(InvalidRequestError, match="sample_rate"):
        calibrate_sampled(1.0, DELTA, sample_rate=1.5, steps=10)
    with pytest.raises(PrivacyError, match="privacy budget"):
        calibrate_sampled(0.001, DELTA, sample_rate=0.5, steps=10)
