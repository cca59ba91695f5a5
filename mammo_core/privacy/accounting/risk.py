"""Bounds what a membership attacker can learn, and finds the budget that keeps an attacker below a limit.

The attacker sees everything released, knows the method and all data but one unit's (one patient, or one image),
and guesses whether that unit took part. For one Gaussian mechanism, such as the training of a head (see
`gaussian`), the best attack is known exactly, and no attack rises above it.

Sources: Dong, Roth and Su 2019, arXiv:1905.02383 (trade-off functions, Gaussian DP); Kulynych et al. 2024,
arXiv:2407.02191 (calibrating noise to an attacker's success); Nanayakkara et al. 2023, "What Are the
Chances?", USENIX Security (odds in words).
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from mammo_core.config import validate
from mammo_core.errors import PrivacyError
from mammo_core.privacy.accounting.composition import Steps, compose
from mammo_core.privacy.accounting.gaussian import spent_epsilon

_LOWEST_RATE = 1e-4
_EPSILONS = np.concatenate([np.linspace(0, 0.5, 1001), np.linspace(0.51, 30, 2950)])


@dataclass(frozen=True)
class Odds:
    """An attacker's success in percent: of 100 who took part, and of 100 who did not.

    Attributes:
        tpr: True positive rate: of those who took part, the most that are said to have; rounded up.
        fpr: False positive rate: of those who did not, how many are said to have; rounded down.
    """

    tpr: int
    fpr: int


def attacker_tpr(mu: float, fpr: float) -> float:
    """Bounds an attacker's true positive rate at a false positive rate.

    Args:
        mu: Of everything released; infinity without privacy.
        fpr: In (0, 1).

    Source: the trade-off function of Gaussian DP, Dong, Roth and Su 2019, definition 3.
    """
    validate.in_open_unit(fpr=fpr)
    return float(ndtr(ndtri(fpr) + mu))


def attacker_curve(mu: float) -> tuple[np.ndarray, np.ndarray]:
    """Computes the ROC curve that no membership attack can rise above, as (fpr, tpr), each (G,).

    From (0, 0) to (1, 1); the first false positive rate above 0 is 0.0001.
    """
    if math.isinf(mu):
        return np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])
    fpr = _false_positive_rates()
    return fpr, np.concatenate([[0.0], ndtr(ndtri(fpr[1:-1]) + mu), [1.0]])


def attacker_auc(mu: float) -> float:
    """Computes the area under `attacker_curve`: Φ(μ / √2). 0.5 is guessing."""
    return float(ndtr(mu / math.sqrt(2)))


def best_guess_rate(mu: float) -> float:
    """Computes how often the best attacker is right if a fair coin decided who took part: Φ(μ / 2)."""
    return float(ndtr(mu / 2))


def tpr_from_epsilon_alone(epsilon: float, delta: float, fpr: float) -> float:
    """Bounds the true positive rate from (ε, δ) alone, without the mechanism: far weaker.

    min(e^ε fpr + δ, 1 - e^-ε (1 - δ - fpr)). At ε = 6, δ = 1e-4 and a false positive rate of 1 % it allows
    99.8 %, where a Gaussian mechanism of the same ε allows 19.3 %.

    Source: Kairouz, Oh and Viswanath 2015, arXiv:1311.0776, theorem 2.1.
    """
    validate.in_open_unit(delta=delta, fpr=fpr)
    if math.isinf(epsilon):
        return 1.0
    return min(1.0, math.exp(epsilon) * fpr + delta, 1 - math.exp(-epsilon) * (1 - delta - fpr))


def mu_for_tpr(max_tpr: float, fpr: float) -> float:
    """Finds the largest μ at which no attacker has a true positive rate above `max_tpr` at `fpr`.

    Raises:
        InvalidRequestError: If a rate is not between 0 and 1.
        PrivacyError: If mere guessing reaches as much.
    """
    validate.in_open_unit(max_tpr=max_tpr, fpr=fpr)
    if max_tpr <= fpr:
        raise PrivacyError(
            f"Expected a true positive rate above {fpr:.2%}, which mere guessing reaches at this false "
            f"positive rate; got {max_tpr:.2%}. Allow more, or choose a lower false positive rate."
        )
    return float(ndtri(max_tpr) - ndtri(fpr))


def mu_for_advantage(max_advantage: float) -> float:
    """Finds the largest μ at which no attacker's true positive rate exceeds the false one by more than this."""
    validate.in_open_unit(max_advantage=max_advantage)
    return float(2 * ndtri((1 + max_advantage) / 2))


def mu_for_guess_rate(max_rate: float) -> float:
    """Finds the largest μ at which no attacker guesses a fair coin rightly more often than this.

    Raises:
        InvalidRequestError: If the rate is not between 0 and 1.
        PrivacyError: If it is a half or less.
    """
    validate.in_open_unit(max_rate=max_rate)
    if max_rate <= 0.5:
        raise PrivacyError(
            f"Expected a success rate above 50 %, which mere guessing reaches; got {max_rate:.2%}. Allow more."
        )
    return float(2 * ndtri(max_rate))


def epsilon_allowing(mu: float, delta: float) -> float:
    """Finds the budget ε whose training is exactly μ-GDP, if it is one that can be trained with.

    Raises:
        PrivacyError: If it is outside 0.05 … 1000.
    """
    epsilon = spent_epsilon(mu, delta)
    validate.privacy_budget(epsilon)
    return epsilon


def fair_odds(mu: float) -> Odds:
    """Computes the odds of the attacker whose two error rates are equal."""
    return _odds(best_guess_rate(mu), 1 - best_guess_rate(mu))


def careful_odds(mu: float) -> Odds:
    """Computes the odds of the attacker with a false positive rate of 1 %."""
    return _odds(attacker_tpr(mu, 0.01), 0.01)


def sampled_attacker_curve(
    history: Sequence[Steps],
) -> tuple[np.ndarray, np.ndarray]:
    """Computes `attacker_curve` for steps on Poisson samples of the units, which are no Gaussian mechanism.

    The steps are (ε, δ(ε))-DP for every ε at once; each pair bounds the attacker, and the least of these
    bounds is the curve. It is a bound whatever the grids, and within 0.0001 of the best one.

    Args:
        history: Noise multiplier, sample rate and steps of each part; one or more.

    Raises:
        PrivacyError: If the history is empty.

    Sources: Dong, Roth and Su 2019, arXiv:1905.02383, section 2.4 (the curve and all (ε, δ) say the same);
    Doroshenko et al. 2022, arXiv:2207.04380 (δ(ε) by privacy loss distributions, in dp-accounting). Kulynych et
    al. compute the same curve directly; their package riskcal 1.5.1 agrees in the tests, but at an ε of
    hundreds it can return the diagonal as the bound.
    """
    fpr = _false_positive_rates()
    inner = _sampled_bounds(history, fpr[1:-1])
    return fpr, np.concatenate([[0.0], inner, [1.0]])


@lru_cache(maxsize=256)
def sampled_attacker_tpr(history: tuple[Steps, ...], fpr: float) -> float:
    """Computes `attacker_tpr` for steps on Poisson samples: one point of `sampled_attacker_curve`."""
    validate.in_open_unit(fpr=fpr)
    return float(_sampled_bounds(history, np.array([fpr]))[0])


def _sampled_bounds(history: Sequence[Steps], fpr: np.ndarray) -> np.ndarray:
    """Bounds the true positive rate at each false one: (G,) -> (G,)."""
    if not history:
        raise PrivacyError(
            "Expected one noisy step or more; got none. Name noise multiplier, sample rate and steps."
        )
    deltas = np.asarray(compose(history).get_delta(_EPSILONS))[:, None]  # pyright: ignore[reportArgumentType]  takes arrays, too
    falling = np.exp(_EPSILONS)[:, None] * fpr + deltas  # (E, G)
    rising = 1 - np.exp(-_EPSILONS)[:, None] * (1 - deltas - fpr)
    return np.minimum(falling, rising).min(axis=0).clip(max=1.0)


def _odds(tpr: float, fpr: float) -> Odds:
    tolerance = 1e-9  # 0.5 + rounding is 50, not 51
    return Odds(math.ceil(100 * tpr - tolerance), math.floor(100 * fpr + tolerance))


def _false_positive_rates() -> np.ndarray:
    """Lists rates from 0 to 1, dense towards 0.0001: (147,)."""
    inner = np.concatenate([np.geomspace(_LOWEST_RATE, 0.01, 25), np.linspace(0.015, 0.999, 120)])
    return np.concatenate([[0.0], inner, [1.0]])
