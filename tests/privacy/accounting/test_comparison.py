import math

import numpy as np
import pytest
from dp_accounting import rdp
from dp_accounting.dp_event import GaussianDpEvent, SelfComposedDpEvent

from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.comparison import epsilons_of_noise, epsilons_over_steps
from mammo_core.privacy.accounting.gaussian import calibrate_gaussian, mu_of_steps, spent_epsilon


@pytest.fixture(scope="module")
def counted():
    return epsilons_over_steps(calibrate_gaussian(6.0, 1e-4, 100), [1, 10, 100], 1e-4)


def test_every_way_counts_upwards_and_none_below_the_exact_one(counted):
    for way, epsilons in counted.items():
        assert np.all(np.diff(epsilons) > 0), way
        assert np.all(np.array(epsilons) >= np.array(counted["exact"]) - 1e-9), way
    assert counted["exact"][-1] == pytest.approx(6.0)


def test_prv_is_exact_up_to_its_margin_and_adding_up_wastes_most(counted):
    assert counted["PRV"] == pytest.approx(counted["exact"], abs=0.02)
    assert counted["PRV"][-1] < counted["RDP"][-1] < counted["adding up"][-1]


def test_rdp_agrees_with_dp_accounting(counted):
    accountant = rdp.RdpAccountant()
    noise = calibrate_gaussian(6.0, 1e-4, 100)
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(noise), 100))

    assert counted["RDP"][-1] == pytest.approx(accountant.get_epsilon(1e-4), rel=0.02)


def test_one_step_added_up_is_itself(counted):
    assert counted["adding up"][0] == pytest.approx(counted["exact"][0])


def test_prv_is_left_out_where_it_cannot_count():
    counted = epsilons_over_steps(calibrate_gaussian(300.0, 1e-4, 100), [10, 100], 1e-4)

    assert math.isfinite(counted["PRV"][0]) and math.isnan(counted["PRV"][1])
    assert counted["exact"][1] == pytest.approx(300.0)


def test_noise_has_its_price():
    epsilons = epsilons_of_noise([1.0, 2.0, 20.0], 50, 1e-4)

    assert epsilons == sorted(epsilons, reverse=True)
    assert epsilons[1] == spent_epsilon(mu_of_steps(2.0, 50), 1e-4)


def test_no_noise_is_refused():
    with pytest.raises(InvalidRequestError, match="Expected noise_multiplier > 0"):
        epsilons_over_steps(0.0, [1], 1e-4)
