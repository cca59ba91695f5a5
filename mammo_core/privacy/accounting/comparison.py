"""The same noisy steps counted by several accountants: what a better accountant is worth."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

from mammo_core.config import validate
from mammo_core.privacy.accounting.gaussian import mu_of_steps, spent_epsilon

_LARGEST_PRV = 100.0


def epsilons_over_steps(
    noise_multiplier: float, steps: Sequence[int], delta: float
) -> dict[str, list[float]]:
    """ε after each of several numbers of full-batch steps, by four ways of counting.

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
    from opacus.accountants import PRVAccountant, RDPAccountant

    validate.positive(noise_multiplier=noise_multiplier)
    counted: dict[str, list[float]] = {"exact": [], "PRV": [], "RDP": [], "adding up": []}
    for count in steps:
        exact = spent_epsilon(mu_of_steps(noise_multiplier, count), delta)
        counted["exact"].append(exact)
        for name, accountant in (("PRV", PRVAccountant()), ("RDP", RDPAccountant())):
            if name == "PRV" and exact > _LARGEST_PRV:
                counted[name].append(math.nan)
                continue
            accountant.history = [(noise_multiplier, 1.0, count)]
            with warnings.catch_warnings():  # of orders tried, and of log 0 at a sample rate of 1
                warnings.simplefilter("ignore")
                counted[name].append(float(accountant.get_epsilon(delta)))
        counted["adding up"].append(
            count * spent_epsilon(mu_of_steps(noise_multiplier, 1), delta / count)
        )
    return counted


def epsilons_of_noise(noises: Sequence[float], steps: int, delta: float) -> list[float]:
    """Exact ε of `steps` full-batch steps at each noise multiplier (G,): (G,)."""
    return [spent_epsilon(mu_of_steps(noise, steps), delta) for noise in noises]
