import math
import warnings

import pytest
from dp_accounting.pld import privacy_loss_distribution as pld
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants import PRVAccountant

from mammo_core.errors import PrivacyError
from mammo_core.privacy.accounting.gaussian import (
    calibrate_gaussian,
    mu_for,
    mu_of_steps,
    require_meaningful_delta,
    spent_epsilon,
)


def spent(noise_multiplier, steps, delta):
    return spent_epsilon(mu_of_steps(noise_multiplier, steps), delta)


@pytest.mark.pitfall("A wrong formula in the accountant")
@pytest.mark.parametrize("target_epsilon", [0.05, 0.5, 1, 6, 12, 60, 300])
@pytest.mark.parametrize(("steps", "delta"), [(1, 1e-4), (100, 1e-4), (200, 1e-6)])
def test_spent_epsilon_agrees_with_dp_accounting_within_one_percent(target_epsilon, steps, delta):
    noise = calibrate_gaussian(target_epsilon, delta, steps)

    loss = pld.from_gaussian_mechanism(
        noise / math.sqrt(steps),
        value_discretization_interval=min(1e-3, target_epsilon / 1000),
        use_connect_dots=True,
    )

    assert loss.get_epsilon_for_delta(delta) == pytest.approx(target_epsilon, rel=0.01)


@pytest.mark.pitfall("A wrong formula in the accountant")
def test_composition_of_steps_agrees_with_dp_accounting():
    one_step = pld.from_gaussian_mechanism(10.0, value_discretization_interval=1e-4)

    composed = one_step.self_compose(50).get_epsilon_for_delta(1e-4)

    assert spent(10.0, 50, 1e-4) == pytest.approx(composed, rel=0.01)


@pytest.mark.pitfall("A wrong formula in the accountant")
@pytest.mark.parametrize("noise_multiplier", [0.9, 5.0, 22.0])
def test_opacus_prv_accountant_agrees_and_is_never_lower_by_more_than_its_error(noise_multiplier):
    accountant = PRVAccountant()
    accountant.history = [(noise_multiplier, 1.0, 50)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "divide by zero", RuntimeWarning)  # at sample rate 1
        warnings.filterwarnings("ignore", "Optimal order", UserWarning)  # of its first guess
        prv = accountant.get_epsilon(1e-4)

    assert spent(noise_multiplier, 50, 1e-4) == pytest.approx(prv, rel=0.02)
    assert spent(noise_multiplier, 50, 1e-4) <= prv


@pytest.mark.parametrize(
    ("target_epsilon", "steps", "golden"),
    [(1, 50, 22.52633), (6, 50, 4.84452), (60, 50, 0.89281), (1, 100, 31.85704), (6, 100, 6.85119)],
)
def test_golden_noise_multipliers(target_epsilon, steps, golden):
    assert calibrate_gaussian(target_epsilon, 1e-4, steps) == pytest.approx(golden, rel=1e-5)


@pytest.mark.pitfall("Rounding in the claimed ε")
@settings(deadline=None, max_examples=200)
@given(
    target_epsilon=st.floats(0.05, 1000),
    delta=st.floats(1e-9, 1e-2),
    steps=st.integers(1, 1000),
)
def test_calibrated_noise_never_overshoots_and_wastes_next_to_nothing(target_epsilon, delta, steps):
    epsilon = spent(calibrate_gaussian(target_epsilon, delta, steps), steps, delta)

    assert epsilon <= target_epsilon
    assert epsilon == pytest.approx(target_epsilon, rel=1e-5)


@pytest.mark.pitfall("A huge ε in place of no privacy")
def test_infinite_budget_means_no_noise_and_infinite_epsilon():
    assert calibrate_gaussian(math.inf, 1e-4, 100) == 0.0
    assert mu_of_steps(0.0, 100) == math.inf
    assert spent_epsilon(math.inf, 1e-4) == math.inf
    assert mu_for(math.inf, 1e-4) == math.inf


@pytest.mark.parametrize("target_epsilon", [0.049, 1001])
def test_budget_out_of_reach_is_refused_with_the_range(target_epsilon):
    with pytest.raises(PrivacyError, match=r"between 0.05 and 1000, or inf"):
        calibrate_gaussian(target_epsilon, 1e-4, 100)


@pytest.mark.pitfall("δ too large")
def test_delta_of_one_over_n_is_refused():
    require_meaningful_delta(1e-4, 9_999)
    with pytest.raises(PrivacyError, match="δ below 1 / 10000"):
        require_meaningful_delta(1e-4, 10_000)


@pytest.mark.parametrize("epsilon", [0.05, 1.0, 1000.0])
def test_smallest_delta_is_accounted_for(epsilon):
    mu = mu_for(epsilon, 1e-16)

    assert spent_epsilon(mu, 1e-16) == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize("delta", [0, 1, -0.1, math.nan, 9e-17, 1e-300])
def test_delta_outside_the_unit_interval_is_refused(delta):
    with pytest.raises(PrivacyError, match="Expected δ of at least 1e-16 and below 1"):
        spent_epsilon(1.0, delta)
