import math

import pytest
from dp_accounting import dp_event
from dp_accounting.pld import PLDAccountant
from dp_accounting.pld.privacy_loss_distribution import from_mixture_gaussian_mechanism
from scipy.stats import binom

from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.composition import composed_epsilon
from mammo_core.privacy.accounting.cost import (
    NoisySteps,
    PrivacyCost,
    mu_of_releases,
    running_epsilons,
    total_epsilon,
)
from mammo_core.privacy.accounting.gaussian import calibrate_gaussian, spent_epsilon

DELTA = 1e-4
DP_SGD = (2.0, 0.05, 300)


def gaussian(mu, unit="patient", most=1):
    return PrivacyCost(steps=(NoisySteps(1 / mu, 1.0, 1),), unit=unit, largest_patient=most)


def sampled(*steps, unit="patient", most=1):
    return PrivacyCost(
        steps=tuple(NoisySteps(*part) for part in steps), unit=unit, largest_patient=most
    )


NO_DP = PrivacyCost(steps=None, unit="patient", largest_patient=1)


def test_nothing_released_costs_nothing():
    assert total_epsilon([], DELTA) == 0.0
    assert mu_of_releases([]) == 0.0


def test_gaussian_releases_compose_as_the_root_of_the_sum_of_squares():
    """Dong, Roth and Su 2019, corollary 2."""
    releases = [gaussian(mu) for mu in (0.3, 1.0, 1.4)]

    assert mu_of_releases(releases) == pytest.approx(math.sqrt(0.09 + 1 + 1.96))
    assert total_epsilon(releases, DELTA) == pytest.approx(
        spent_epsilon(math.sqrt(0.09 + 1 + 1.96), DELTA)
    )


def test_a_run_alone_costs_what_it_was_calibrated_to():
    noise = calibrate_gaussian(6.0, DELTA, 100)

    assert total_epsilon([sampled((noise, 1.0, 100))], DELTA) == pytest.approx(6.0, rel=1e-5)


def test_total_is_far_below_the_sum_of_epsilons():
    ten = [sampled((calibrate_gaussian(1.0, DELTA, 100), 1.0, 100))] * 10

    assert 3 < total_epsilon(ten, DELTA) < 4 < 10


def test_gaussian_total_agrees_with_dp_accounting():
    accountant = PLDAccountant()
    for noise, steps in ((7.0, 100), (3.0, 2)):
        accountant.compose(dp_event.SelfComposedDpEvent(dp_event.GaussianDpEvent(noise), steps))

    total = total_epsilon([sampled((7.0, 1.0, 100)), sampled((3.0, 1.0, 2))], DELTA)

    assert total == pytest.approx(accountant.get_epsilon(DELTA), rel=1e-3)


@pytest.mark.parametrize("with_gaussian", [False, True])
def test_sampled_total_agrees_with_opacus(with_gaussian):
    """Two implementations by two authors; Opacus adds its error bound of 0.01."""
    releases, history = [sampled(DP_SGD)], [DP_SGD]
    if with_gaussian:
        releases.append(sampled((7.0, 1.0, 100)))
        history.append((7.0, 1.0, 100))

    total = total_epsilon(releases, DELTA)

    assert total == pytest.approx(composed_epsilon(history, DELTA), abs=0.015)
    assert mu_of_releases(releases) is None


def test_order_of_releases_does_not_matter():
    releases = [sampled(DP_SGD), gaussian(1.0), sampled((1.5, 0.1, 50))]

    assert total_epsilon(releases, DELTA) == total_epsilon(releases[::-1], DELTA)


@pytest.mark.parametrize("most", [1, 3, 14])
def test_release_by_image_costs_the_patient_with_most_masses_k_times_mu(most):
    """Dong, Roth and Su 2019, theorem 6."""
    by_image = gaussian(0.5, "image", most)

    assert total_epsilon([by_image], DELTA) == pytest.approx(spent_epsilon(most * 0.5, DELTA))
    assert total_epsilon([by_image], DELTA, "image") == pytest.approx(spent_epsilon(0.5, DELTA))


def test_sampled_release_by_image_never_costs_a_patient_less_than_the_exact_mixture():
    """Two masses drawn apart: a mixture of Gaussians, by dp-accounting."""
    noise, rate, times = 2.0, 0.05, 100
    exact = from_mixture_gaussian_mechanism(
        standard_deviation=noise,
        sensitivities=[0, 1, 2],
        sampling_probs=binom.pmf(range(3), 2, rate).tolist(),
        value_discretization_interval=1e-3,
    ).self_compose(times)

    ours = total_epsilon([sampled((noise, rate, times), unit="image", most=2)], DELTA)

    assert exact.get_epsilon_for_delta(DELTA) <= ours < 3 * exact.get_epsilon_for_delta(DELTA)


def test_patients_and_images_are_never_added_up_by_image():
    with pytest.raises(InvalidRequestError, match="Add up by patient"):
        total_epsilon([gaussian(1.0, "image"), gaussian(1.0, "patient")], DELTA, "image")


def test_one_release_without_dp_leaves_no_promise():
    assert total_epsilon([gaussian(1.0), NO_DP], DELTA) == math.inf
    assert total_epsilon([sampled(DP_SGD), NO_DP], DELTA) == math.inf
    assert mu_of_releases([NO_DP]) == math.inf


def test_huge_costs_are_bounded_in_time():
    """14 masses of a patient in DP-SGD by image: no promise worth the name, but a number all the same."""
    assert total_epsilon([sampled((1.0, 0.05, 2000), unit="image", most=14)], DELTA) > 1000


def test_running_totals_are_the_totals_of_the_first_releases():
    releases = [gaussian(1.0), sampled(DP_SGD), gaussian(0.5), NO_DP, gaussian(1.0)]

    running = running_epsilons(releases, DELTA)

    assert running[:3] == [total_epsilon(releases[:count], DELTA) for count in (1, 2, 3)]
    assert running[3:] == [math.inf, math.inf]


def test_long_running_totals_after_a_sampled_release_are_never_too_small():
    releases = [sampled(DP_SGD), *[gaussian(0.05)] * 99]

    running = running_epsilons(releases, DELTA)

    assert len(running) == 100
    assert running == sorted(running)
    assert len(set(running)) < 50
    for count in (1, 10, 50, 100):
        assert running[count - 1] >= total_epsilon(releases[:count], DELTA)
    assert running[-1] == total_epsilon(releases, DELTA)


@pytest.mark.parametrize("wrong", [(0.0, 1.0, 1), (1.0, 0.0, 1), (1.0, 1.5, 1), (1.0, 1.0, 0)])
def test_impossible_steps_are_refused(wrong):
    with pytest.raises(InvalidRequestError, match="Expected"):
        NoisySteps(*wrong)
