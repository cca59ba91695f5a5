"""Finds the noise that a budget needs where steps may sample units, and what such steps spent."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mammo_core.config import validate
from mammo_core.config.network_recipe import Accountant
from mammo_core.errors import PrivacyError
from mammo_core.privacy.accounting.composition import Steps, composed_epsilon
from mammo_core.privacy.accounting.gaussian import (
    calibrate_gaussian,
    find_root,
    mu_of_steps,
    spent_epsilon,
)

History = list[Steps]
_LEAST_NOISE, _MOST_NOISE = 0.3, 1e5
_PRECISION = 1e-3


def epsilon_spent(history: History, delta: float, accountant: Accountant = "prv") -> float:
    """Bounds the ε that all steps spend together; 0 without steps.

    Args:
        accountant: "prv" is exact if all units took part in every step; "rdp" never is.
    """
    if not history:
        return 0.0
    if accountant == "prv" and all(rate == 1 for _, rate, _ in history):
        mus = (mu_of_steps(noise, steps) for noise, _, steps in history)
        return spent_epsilon(math.hypot(*mus), delta)
    return composed_epsilon(history, delta, accountant)


def with_one_more_step(history: History, noise_multiplier: float, sample_rate: float) -> History:
    """Appends a step to a copy of the history; equal steps are counted together."""
    if history and history[-1][:2] == (noise_multiplier, sample_rate):
        return [*history[:-1], (noise_multiplier, sample_rate, history[-1][2] + 1)]
    return [*history, (noise_multiplier, sample_rate, 1)]


def calibrate_sampled(
    target_epsilon: float,
    delta: float,
    *,
    sample_rate: float,
    steps: int,
    before: Sequence[Steps] = (),
    accountant: Accountant = "prv",
) -> float:
    """Finds the least noise multiplier with which `before` and then the steps spend at most a finite target.

    Args:
        before: What was released earlier; without it, steps over all units are calibrated exactly under "prv".

    Raises:
        PrivacyError: If the target is outside 0.05 … 1000, or if what was released before spends it already.
    """
    validate.privacy_budget(target_epsilon)
    validate.positive(sample_rate=sample_rate)
    validate.at_most(1, sample_rate=sample_rate)
    if sample_rate == 1 and accountant == "prv" and not before:
        return calibrate_gaussian(target_epsilon, delta, steps)

    def excess(noise: float) -> float:
        history = [*before, (noise, sample_rate, steps)]
        return composed_epsilon(history, delta, accountant) - target_epsilon

    if before and composed_epsilon(before, delta, accountant) >= target_epsilon:
        raise _nothing_left(target_epsilon, steps)
    # what steps over all units need is more than enough where units are sampled
    enough = max(_LEAST_NOISE, calibrate_gaussian(target_epsilon, delta, steps))
    while excess(enough) > 0:
        if enough > _MOST_NOISE:
            raise _nothing_left(target_epsilon, steps)
        enough *= 2
    too_little = max(_LEAST_NOISE, enough / 2)
    while excess(too_little) <= 0:
        if too_little <= _LEAST_NOISE:  # a budget so large that hardly any noise is needed
            return _LEAST_NOISE
        enough, too_little = too_little, max(_LEAST_NOISE, too_little / 2)
    noise = find_root(excess, too_little, enough, xtol=_PRECISION)
    while excess(noise) > 0:  # the root finder may stop on the wrong side
        noise += _PRECISION
    return noise


def _nothing_left(target_epsilon: float, steps: int) -> PrivacyError:
    return PrivacyError(
        f"Expected a budget that leaves something for {steps} steps; ε = {target_epsilon:g} does not. "
        "Use a larger ε or fewer images."
    )
