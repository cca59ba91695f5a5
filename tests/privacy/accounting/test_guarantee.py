import math

import pytest
from dp_accounting.pld import privacy_loss_distribution as pld
from dp_accounting.pld.common import DifferentialPrivacyParameters
from hypothesis import given, settings
from hypothesis import strategies as st

from mammo_core.privacy.accounting.gaussian import gaussian_delta, spent_epsilon
from mammo_core.privacy.accounting.guarantee import (
    Guarantee,
    compose_gaussian,
    gaussian_guarantee,
    group_privacy,
)

DELTA = 1e-4


def gaussian_loss(mu, sensitivity=1.0):
    return pld.from_gaussian_mechanism(
        1 / mu, sensitivity=sensitivity, value_discretization_interval=1e-3
    )


@pytest.mark.parametrize("mu", [0.1, 0.5, 1.46])
@pytest.mark.parametrize("masses", [2, 5, 14])
def test_patient_with_several_masses_agrees_with_dp_accounting(mu, masses):
    """k masses of one patient move the sum by k clipping norms: the Gaussian mechanism at sensitivity k."""
    guarantee = group_privacy(gaussian_guarantee(mu, DELTA, "image"), masses)

    expected = gaussian_loss(mu, sensitivity=masses).get_epsilon_for_delta(DELTA)
    assert guarantee.epsilon == pytest.approx(expected, rel=0.01)
    assert (guarantee.unit, guarantee.delta, guarantee.mu) == ("patient", DELTA, masses * mu)


def test_guarantee_of_patients_is_left_as_it_is():
    guarantee = gaussian_guarantee(1.0, DELTA, "patient")

    assert group_privacy(guarantee, 14) == guarantee == group_privacy(guarantee, None)


@pytest.mark.pitfall("A guarantee for crops read as one for patients")
def test_unknown_number_of_masses_guarantees_nothing_to_a_patient():
    assert group_privacy(gaussian_guarantee(1.0, DELTA, "image"), None) is None


@settings(deadline=None)
@given(mu=st.floats(0.05, 2), masses=st.integers(2, 6), delta=st.floats(1e-12, 1e-4))
def test_group_privacy_of_any_mechanism_bounds_that_of_the_gaussian_one(mu, masses, delta):
    epsilon = spent_epsilon(mu, delta)

    bound = group_privacy(Guarantee(epsilon=epsilon, delta=delta, unit="image"), masses)

    if bound is not None:
        assert bound.epsilon == pytest.approx(masses * epsilon)
        assert gaussian_delta(masses * mu, bound.epsilon) <= bound.delta * (1 + 1e-9)


def test_group_privacy_of_two_masses_by_hand():
    bound = group_privacy(Guarantee(epsilon=0.7, delta=1e-6, unit="image"), 2)

    assert bound.epsilon == 1.4
    assert bound.delta == pytest.approx(1e-6 * (1 + math.exp(0.7)))


def test_group_so_large_that_delta_would_reach_one_has_no_guarantee():
    assert group_privacy(Guarantee(epsilon=10.0, delta=1e-4, unit="image"), 14) is None


def test_two_gaussian_mechanisms_compose_as_dp_accounting_composes_them():
    first, second = (gaussian_guarantee(mu, DELTA, "patient") for mu in (1.0, 0.6))

    together = compose_gaussian(first, second.mu, DELTA)

    expected = gaussian_loss(1.0).compose(gaussian_loss(0.6)).get_epsilon_for_delta(DELTA)
    assert together.epsilon == pytest.approx(expected, rel=0.01)
    assert together.mu == math.hypot(1.0, 0.6)


@pytest.mark.parametrize(("epsilon", "mu"), [(0.2, 0.8), (1.0, 1.46), (3.0, 0.3), (10.0, 1.46)])
def test_any_mechanism_and_a_gaussian_one_compose_as_dp_accounting_composes_the_worst(epsilon, mu):
    worst = pld.from_privacy_parameters(
        DifferentialPrivacyParameters(epsilon, DELTA), value_discretization_interval=1e-3
    )
    together = compose_gaussian(Guarantee(epsilon=epsilon, delta=DELTA, unit="patient"), mu, DELTA)

    expected = worst.compose(gaussian_loss(mu)).get_epsilon_for_delta(2 * DELTA)
    assert together.delta == 2 * DELTA
    assert together.mu is None
    assert together.epsilon == pytest.approx(expected, rel=0.01)


@settings(deadline=None)
@given(
    epsilon=st.floats(0.01, 100),
    delta=st.floats(1e-9, 1e-3),
    mu=st.floats(0.01, 20),
    own_delta=st.floats(1e-9, 1e-3),
)
def test_composition_is_never_above_the_sum_and_never_below_a_part(epsilon, delta, mu, own_delta):
    gaussian = gaussian_guarantee(mu, own_delta, "patient")

    together = compose_gaussian(
        Guarantee(epsilon=epsilon, delta=delta, unit="patient"), mu, own_delta
    )

    assert together.epsilon >= max(epsilon, gaussian.epsilon)
    assert together.epsilon <= epsilon + gaussian.epsilon + 1e-9
