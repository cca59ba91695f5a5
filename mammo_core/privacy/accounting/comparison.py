"""Compares accountants: the ε of the same noisy steps, counted in several ways."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mammo_core.config import validate
from mammo_core.privacy.accounting.composition import (
    LARGEST_FINE_EPSILON,
    epsilon_by_prv,
    epsilon_by_rdp,
)
from mammo_core.privacy.accounting.gaussian import mu_of_steps, spent_epsilon


def epsilons_over_steps(
    noise_multiplier: float, steps: Sequence[int], delta: float
) -> dict[str, list[float]]:
    """Computes ε after each of several numbers of full-batch steps, in four ways.

    Args:
        noise_multiplier: Above 0.
        steps: (G,), each 1 or more.

    Returns:
        By name, (G,) each: "exact" (Gaussian DP, ours), "PRV" (numerical, an upper bound, 0.01 above; Opacus;
        not a number where ε is above 100, where its double precision ends), "RDP" (the older accountant of
        Opacus) and "adding up" (each step's own ε at δ / T, simply summed).

    Sources: Dong, Roth and Su 2019, arXiv:1905.02383; Gopi, Lee and Wutschitz 2021, arXiv:2106.02848 (PRV);
    Mironov 2017, arXiv:1702.07476 (RDP).
    """
    validate.positive(noise_multiplier=noise_multiplier)
    counted: dict[str, list[float]] = {"exact": [], "PRV": [], "RDP": [], "adding up": []}
    for count in steps:
        history = [(noise_multiplier, 1.0, count)]
        exact = spent_epsilon(mu_of_steps(noise_multiplier, count), delta)
        one_step = spent_epsilon(mu_of_steps(noise_multiplier, 1), delta / count)
        is_fine = exact <= LARGEST_FINE_EPSILON
        counted["exact"].append(exact)
        counted["PRV"].append(epsilon_by_prv(history, delta) if is_fine else math.nan)
        counted["RDP"].append(epsilon_by_rdp(history, delta))
        counted["adding up"].append(count * one_step)
    return counted


def epsilons_of_noise(noises: Sequence[float], steps: int, delta: float) -> list[float]:
    """Computes the exact ε of `steps` full-batch steps at each noise multiplier: (G,) -> (G,)."""
    return [spent_epsilon(mu_of_steps(noise, steps), delta) for noise in noises]
