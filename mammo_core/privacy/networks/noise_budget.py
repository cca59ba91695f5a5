"""How much noise a budget needs, and what steps spent: exact where all units take part, PRV or RDP where some do."""

from __future__ import annotations

import math

from mammo_core import validate
from mammo_core.network_recipe import Accountant
from mammo_core.privacy import accounting
from mammo_core.privacy.sampled_steps import History, calibrate_sampled_noise, composed_epsilon


def epsilon_spent(history: History, delta: float, accountant: Accountant = "prv") -> float:
    """The ε that all steps spend together; an upper bound if units were sampled, 0 without steps.

    Args:
        accountant: "prv" is exact if all units took part in every step; "rdp" never is.
    """
    if not history:
        return 0.0
    if accountant == "prv" and all(rate == 1 for _, rate, _ in history):
        mus = (accounting.composed_mu(noise, steps) for noise, _, steps in history)
        return accounting.spent_epsilon(math.hypot(*mus), delta)
    return composed_epsilon(history, delta, accountant)


def calibrate_noise(
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
        return accounting.calibrate_noise(target_epsilon, delta, steps)
    return calibrate_sampled_noise(
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
