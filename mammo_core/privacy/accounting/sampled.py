"""How much noise a budget needs, and what steps spent: exact where all units take part, PRV or RDP where some do."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

from opacus.accountants import PRVAccountant, RDPAccountant
from scipy.optimize import brentq

from mammo_core.config import validate
from mammo_core.config.network_recipe import Accountant
from mammo_core.errors import PrivacyError
from mammo_core.privacy.accounting import gaussian


def epsilon_spent(history: History, delta: float, accountant: Accountant = "prv") -> float:
    """The ε that all steps spend together; an upper bound if units were sampled, 0 without steps.

    Args:
        accountant: "prv" is exact if all units took part in every step; "rdp" never is.
    """
    if not history:
        return 0.0
    if accountant == "prv" and all(rate == 1 for _, rate, _ in history):
        mus = (gaussian.mu_of_steps(noise, steps) for noise, _, steps in history)
        return gaussian.spent_epsilon(math.hypot(*mus), delta)
    return composed_epsilon(history, delta, accountant)


def calibrate_steps(
    target_epsilon: float,
    delta: float,
    *,
    sample_rate: float,
    steps: int,
    accountant: Accountant = "prv",
) -> float:
    """The least noise multiplier with which the steps spend at most a finite target, by that accountant.

    Raises:
        PrivacyError: If the target is outside 0.05 … 1000, or out of reach.
    """
    validate.positive(sample_rate=sample_rate)
    validate.at_most(1, sample_rate=sample_rate)
    if sample_rate == 1 and accountant == "prv":
        return gaussian.calibrate_gaussian(target_epsilon, delta, steps)
    return calibrate_sampled(
        target_epsilon,
        delta,
        before=[],
        sample_rate=sample_rate,
        steps=steps,
        accountant=accountant,
    )


def with_one_more_step(history: History, noise_multiplier: float, sample_rate: float) -> History:
    """The history after another step; steps alike are counted together."""
    if history and history[-1][:2] == (noise_multiplier, sample_rate):
        return [*history[:-1], (noise_multiplier, sample_rate, history[-1][2] + 1)]
    return [*history, (noise_multiplier, sample_rate, 1)]


History = list[tuple[float, float, int]]  # noise multiplier, sample rate, steps


_LEAST_NOISE, _MOST_NOISE = 0.3, 1e5


_PRECISION = 1e-3


_LARGEST_PRV = 100.0


_PRV_ERROR, _RELATIVE_PRV_ERROR = (
    0.01,
    1e-3,
)  # by which its upper bound may lie above; less takes minutes


_SEARCH_STEP = 0.9


def composed_epsilon(history: History, delta: float, accountant: Accountant = "prv") -> float:
    """An upper bound of the ε that all steps spend together.

    Args:
        accountant: "prv" falls back to "rdp" above ε = 100.
    """
    return _composed_epsilon(tuple(history), delta, accountant)


@lru_cache(maxsize=4096)  # calibrations and cards ask for the same again
def _composed_epsilon(
    history: tuple[tuple[float, float, int], ...], delta: float, accountant: Accountant
) -> float:
    with warnings.catch_warnings():
        # of orders and start values tried, and of log 0 at a sample rate of 1
        warnings.simplefilter("ignore")
        if accountant == "rdp":
            rdp = RDPAccountant()
            rdp.history = list(history)
            return float(rdp.get_epsilon(delta))
        rough = _composed_epsilon(history, delta, "rdp")
        if rough > _LARGEST_PRV:
            return rough
        prv = PRVAccountant()
        prv.history = list(history)
        error = max(_PRV_ERROR, rough * _RELATIVE_PRV_ERROR)
        return float(prv.get_epsilon(delta, eps_error=error))


def calibrate_sampled(
    target_epsilon: float,
    delta: float,
    *,
    before: History,
    sample_rate: float,
    steps: int,
    accountant: Accountant = "prv",
) -> float:
    """The least noise multiplier with which `before` and then the steps spend at most the target.

    Raises:
        PrivacyError: If what was released before spends the target already.
    """
    validate.privacy_budget(target_epsilon)

    def excess(noise: float, accountant: Accountant = accountant) -> float:
        history = [*before, (noise, sample_rate, steps)]
        return composed_epsilon(history, delta, accountant) - target_epsilon

    if excess(_MOST_NOISE) > 0:
        raise PrivacyError(
            f"Expected a budget that leaves something for {steps} steps; ε = {target_epsilon:g} does not. "
            "Use a larger ε or fewer images."
        )
    if excess(_LEAST_NOISE, "rdp") <= 0:  # a budget so large that hardly any noise is needed
        return _LEAST_NOISE
    enough = _MOST_NOISE
    if excess(enough, "rdp") <= 0:
        enough = brentq(excess, _LEAST_NOISE, enough, args=("rdp",), xtol=_PRECISION)
    while excess(enough) > 0:
        enough /= _SEARCH_STEP
    too_little = enough
    while excess(too_little) <= 0:
        if too_little <= _LEAST_NOISE:
            return _LEAST_NOISE
        enough, too_little = too_little, max(_LEAST_NOISE, _SEARCH_STEP * too_little)
    noise = brentq(excess, too_little, enough, xtol=_PRECISION)
    while excess(noise) > 0:  # the root finder may stop on the wrong side
        noise += _PRECISION
    return float(noise)
