"""Lower bounds: exact where exactness is known, never above the truth more often than they say."""

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import beta, binom

from mammo_core.auditing.bounds import (
    ErrorCounts,
    Guesses,
    epsilon_from_errors,
    epsilon_from_guesses,
    mu_from_errors,
    mu_from_guesses,
)
from mammo_core.errors import InvalidRequestError

DELTA = 1e-4


def gaussian_errors(mu, trainings, rng):
    """One canary each, against N(0, 1) or N(μ, 1), at the threshold half way."""
    inside = rng.random(trainings) < 0.5
    accused = rng.normal(size=trainings) + mu * inside > mu / 2
    return ErrorCounts(
        int((accused & ~inside).sum()),
        int((~inside).sum()),
        int((~accused & inside).sum()),
        int(inside.sum()),
    )


def gaussian_guesses(mu, canaries, share, rng):
    inside = rng.random(canaries) < 0.5
    scores = rng.normal(size=canaries) + mu * inside
    order = np.argsort(scores)
    side = int(share * canaries) // 2
    right = inside[order[canaries - side :]].sum() + (~inside[order[:side]]).sum()
    return Guesses(canaries, 2 * side, int(right))


def test_error_bounds_are_the_formulas_written_out():
    errors = ErrorCounts(10, 100, 20, 100)
    fpr, fnr = beta.ppf(0.975, 11, 90), beta.ppf(0.975, 21, 80)

    assert mu_from_errors(errors, 0.95) == pytest.approx(-ndtri(fpr) - ndtri(fnr))
    assert epsilon_from_errors(errors, DELTA, 0.95) == pytest.approx(
        max(math.log((1 - DELTA - fnr) / fpr), math.log((1 - DELTA - fpr) / fnr))
    )


def test_perfect_guesses_without_delta_leave_only_luck():
    """With every one of r guesses right: q^r = 5 %, q = e^ε / (1 + e^ε)."""
    rate = 0.05 ** (1 / 200)

    found = epsilon_from_guesses(Guesses(200, 200, 200), 1e-12, 0.95)

    assert found == pytest.approx(math.log(rate / (1 - rate)), rel=1e-4)


def test_one_run_bound_agrees_with_the_published_p_value():
    """The p-value of the paper's appendix, summed term by term, is 5 % at the bound."""
    guesses = Guesses(canaries=500, made=200, right=150)
    epsilon = epsilon_from_guesses(guesses, DELTA, 0.95)
    rate = 1 / (1 + math.exp(-epsilon))
    tail, running, slope = binom.sf(guesses.right - 1, guesses.made, rate), 0.0, 0.0
    for fewer in range(1, guesses.right + 1):
        running += binom.pmf(guesses.right - fewer, guesses.made, rate)
        slope = max(slope, running / fewer)

    assert tail + slope * DELTA * 2 * guesses.canaries == pytest.approx(0.05, abs=1e-5)


@pytest.mark.parametrize("mu", [0.3, 1.4, 4.0])
def test_bounds_stay_below_the_truth_and_come_near_it(mu):
    rng = np.random.default_rng(0)
    from_errors = [mu_from_errors(gaussian_errors(mu, 1000, rng), 0.95) for _ in range(200)]
    from_guesses = [mu_from_guesses(gaussian_guesses(mu, 4000, 0.3, rng), 0.95) for _ in range(40)]

    assert np.mean(np.array(from_errors) > mu) <= 0.05
    assert max(from_guesses) < mu
    assert np.median(from_errors) > mu - 0.45 - 0.1 * mu
    assert np.median(from_guesses) > 0.4 * mu


def test_epsilon_bound_of_one_run_is_rarely_above_what_randomised_response_spends():
    rng = np.random.default_rng(1)
    epsilon, made = 1.0, 300
    bounds = [
        epsilon_from_guesses(Guesses(made, made, int(right)), 1e-9, 0.95)
        for right in rng.binomial(made, 1 / (1 + math.exp(-epsilon)), size=300)
    ]

    assert np.mean(np.array(bounds) > epsilon) <= 0.07
    assert np.median(bounds) > 0.6


@pytest.mark.parametrize("right", [0, 50])
def test_guessing_proves_nothing(right):
    guesses = Guesses(100, 100, right)

    assert epsilon_from_guesses(guesses, DELTA, 0.95) == 0
    assert mu_from_guesses(guesses, 0.95) < 0.05


def test_always_wrong_or_no_trials_prove_nothing():
    assert mu_from_errors(ErrorCounts(50, 50, 50, 50), 0.95) == 0
    assert epsilon_from_errors(ErrorCounts(0, 0, 0, 0), DELTA, 0.95) == 0


def test_more_right_guesses_give_higher_bounds():
    few, many = (mu_from_guesses(Guesses(1000, 1000, right), 0.95) for right in (600, 800))

    assert many > few > 0
    assert ndtr(many / 2) < 0.8


def test_impossible_counts_and_confidences_are_refused():
    with pytest.raises(ValueError, match="right <= made"):
        Guesses(10, 5, 6)
    with pytest.raises(InvalidRequestError, match="confidence"):
        mu_from_guesses(Guesses(10, 5, 5), 1.0)
