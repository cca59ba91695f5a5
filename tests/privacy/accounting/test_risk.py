import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from riskcal import analysis
from riskcal.accountants import CTDAccountant
from scipy.integrate import quad
from scipy.stats import norm

from mammo_core.errors import InvalidRequestError, PrivacyError
from mammo_core.privacy.accounting import risk
from mammo_core.privacy.accounting.gaussian import mu_for, spent_epsilon
from mammo_core.privacy.accounting.risk import Odds

RATES = st.floats(1e-4, 0.999)
MUS = st.floats(0.01, 8)


def test_attacker_bound_is_the_likelihood_ratio_test_between_two_gaussians():
    threshold = norm.isf(0.01)

    assert risk.attacker_tpr(1.36, 0.01) == pytest.approx(norm.sf(threshold - 1.36))
    assert risk.attacker_tpr(1e-9, 0.01) == pytest.approx(0.01)
    assert risk.attacker_tpr(math.inf, 0.01) == 1.0


def test_attacker_curve_is_the_trade_off_function_and_certain_without_privacy():
    mu = mu_for(6.0, 1e-4)
    fpr, tpr = risk.attacker_curve(mu)

    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert np.all(np.diff(fpr) > 0) and np.all(np.diff(tpr) > 0)
    for index in (1, 40, 120):
        assert tpr[index] == pytest.approx(risk.attacker_tpr(mu, fpr[index]))
    assert risk.attacker_curve(math.inf)[1].tolist() == [0, 1, 1]


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
def test_area_advantage_and_guess_rate_follow_from_the_curve(mu):
    area, _ = quad(lambda fpr: risk.attacker_tpr(mu, fpr), 0, 1)
    fpr = np.linspace(1e-6, 1 - 1e-6, 20_001)
    gap = max(risk.attacker_tpr(mu, rate) - rate for rate in fpr)

    assert risk.attacker_auc(mu) == pytest.approx(area, abs=1e-6)
    assert risk.mu_for_advantage(gap) == pytest.approx(mu, rel=1e-5)
    assert risk.mu_for_advantage(float(analysis.get_advantage_from_gdp(mu))) == pytest.approx(mu)
    assert risk.best_guess_rate(mu) == pytest.approx((1 + gap) / 2, abs=1e-6)


def test_without_privacy_every_bound_is_certainty():
    assert risk.attacker_auc(math.inf) == 1
    assert risk.best_guess_rate(math.inf) == risk.tpr_from_epsilon_alone(math.inf, 1e-4, 0.01) == 1
    assert risk.fair_odds(math.inf) == Odds(100, 0) and risk.careful_odds(math.inf) == Odds(100, 1)


@pytest.mark.parametrize(("epsilon", "fpr"), [(0.1, 0.01), (1, 0.001), (6, 0.01), (6, 0.5)])
def test_bound_of_epsilon_alone_is_riskcals_and_weaker_than_the_gaussian_one(epsilon, fpr):
    alone = risk.tpr_from_epsilon_alone(epsilon, 1e-4, fpr)

    assert alone == pytest.approx(1 - analysis.get_beta_from_adp(epsilon, 1e-4, fpr))
    assert alone > risk.attacker_tpr(mu_for(epsilon, 1e-4), fpr)


def test_at_epsilon_six_the_mechanism_says_far_more_than_epsilon():
    assert risk.tpr_from_epsilon_alone(6, 1e-4, 0.01) == pytest.approx(0.9975, abs=1e-4)
    assert risk.attacker_tpr(mu_for(6, 1e-4), 0.01) == pytest.approx(0.1930, abs=1e-4)


@settings(deadline=None)
@given(mu=MUS, fpr=RATES)
def test_the_way_back_finds_the_same_mu(mu, fpr):
    tpr = risk.attacker_tpr(mu, fpr)
    if fpr < tpr < 1 - 1e-6:
        assert risk.mu_for_tpr(tpr, fpr) == pytest.approx(mu, rel=1e-3)
    assert risk.mu_for_guess_rate(risk.best_guess_rate(mu)) == pytest.approx(mu, rel=1e-6)


def test_what_mere_guessing_reaches_cannot_be_asked_for():
    with pytest.raises(PrivacyError, match=r"above 1\.00%, which mere guessing reaches"):
        risk.mu_for_tpr(0.01, 0.01)
    with pytest.raises(PrivacyError, match="above 50 %"):
        risk.mu_for_guess_rate(0.5)
    with pytest.raises(InvalidRequestError, match="Expected 0 < max_advantage < 1"):
        risk.mu_for_advantage(0.0)
    with pytest.raises(InvalidRequestError, match="Expected 0 < fpr < 1"):
        risk.attacker_tpr(1.0, 0.0)


def test_budget_for_a_limit_keeps_every_attacker_below_it_and_is_refused_where_no_training_helps():
    epsilon = risk.epsilon_allowing(risk.mu_for_tpr(0.05, 0.01), 1e-4)

    assert risk.attacker_tpr(mu_for(epsilon, 1e-4), 0.01) == pytest.approx(0.05, rel=1e-6)
    with pytest.raises(PrivacyError, match=r"between 0\.05 and 1000"):
        risk.epsilon_allowing(risk.mu_for_guess_rate(0.501), 1e-4)


def test_odds_are_rounded_to_the_attackers_favour():
    mu = mu_for(1.0, 1e-4)

    odds = risk.fair_odds(mu)
    assert odds == Odds(tpr=57, fpr=43)
    assert 100 * risk.best_guess_rate(mu) <= odds.tpr < 100 * risk.best_guess_rate(mu) + 1
    assert risk.careful_odds(mu) == Odds(tpr=3, fpr=1)
    assert risk.fair_odds(1e-12) == Odds(50, 50)


@pytest.mark.parametrize(("noise", "steps"), [(2.0, 4), (20.0, 100), (200.0, 100)])
def test_sampled_curve_of_all_units_in_every_step_is_the_gaussian_one_and_never_below(noise, steps):
    fpr, tpr = risk.sampled_attacker_curve([(noise, 1.0, steps)])

    exact = risk.attacker_curve(math.sqrt(steps) / noise)
    assert np.array_equal(fpr, exact[0])
    assert np.all(tpr >= exact[1] - 1e-12)
    assert np.abs(tpr - exact[1]).max() < 1e-4


@pytest.mark.parametrize(
    "history",
    [
        [(1.0, 0.05, 100)],
        [(1.5, 0.05, 200), (4.0, 1.0, 1)],
        [(5.0, 0.5, 50), (2.0, 0.1, 10), (9.0, 1.0, 3)],
    ],
)
def test_sampled_curve_is_riskcals_and_never_below(history):
    fpr, tpr = risk.sampled_attacker_curve(history)

    accountant = CTDAccountant()
    accountant.history = history
    direct = 1 - accountant.get_beta(alpha=fpr[1:-1], grid_step=1e-3)
    assert np.all(tpr[1:-1] >= direct - 1e-6)  # theirs rounds losses up, too
    assert np.abs(tpr[1:-1] - direct).max() < 1e-4


def test_sampled_curve_without_protection_is_certainty():
    # 200 steps of noise 0.343 on half of the units: ε = 476. riskcal 1.5.1 names the line of guessing here.
    _, tpr = risk.sampled_attacker_curve([(0.343, 0.5, 200)])

    assert np.all(tpr[1:] > 0.999999)


def test_sampled_curve_of_nothing_is_refused():
    with pytest.raises(PrivacyError, match="one noisy step or more"):
        risk.sampled_attacker_curve([])


def test_sampling_helps_against_the_attacker():
    _, all_units = risk.sampled_attacker_curve([(2.0, 1.0, 10)])
    _, sampled = risk.sampled_attacker_curve([(2.0, 0.1, 10)])

    assert np.all(sampled[1:-1] < all_units[1:-1])
    assert spent_epsilon(math.sqrt(10) / 2, 1e-4) > 1
