"""Bounds from below what a mechanism spends, from how often an attacker guessed right about canaries.

Each holds with the confidence asked for, whatever the attack: a weak attack only gives a low bound. A bound
above the claim refutes it; a bound below proves nothing but that this attack failed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr, ndtri
from scipy.stats import binom, binomtest

from mammo_core.config import validate
from mammo_core.privacy.accounting.gaussian import find_root

# fixed beforehand: the best of several would not hold at the confidence of each
HEADLINE_METHOD = "many runs, Gaussian DP"
_MOST_MU = 60.0
_MOST_EPSILON = 400.0


@dataclass(frozen=True)
class Guesses:
    """Answers about canaries that each were in or out by a fair coin of their own.

    Attributes:
        canaries: All of them.
        made: How many of them the attacker answered.
        right: How many answers were right.
    """

    canaries: int
    made: int
    right: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.made <= self.canaries:
            raise ValueError(f"Expected right <= made <= canaries; got {self}.")


@dataclass(frozen=True)
class ErrorCounts:
    """Answers of independent trainings, one canary each, at a threshold chosen on other trainings."""

    false_positives: int
    outs: int
    false_negatives: int
    ins: int


def epsilon_from_errors(errors: ErrorCounts, delta: float, confidence: float) -> float:
    """Finds the largest ε that both error rates refute.

    From Clopper–Pearson upper bounds of both rates, each with half of the risk: ε ≥ ln((1 - δ - FNR) / FPR),
    or the same with the rates exchanged.

    Source: Kairouz, Oh and Viswanath 2015, arXiv:1311.0776; Jagielski, Ullman and Oprea 2020, arXiv:2006.07709.
    """
    fpr, fnr = _error_bounds(errors, confidence)
    candidates = [
        math.log((1 - delta - first) / second)
        for first, second in ((fnr, fpr), (fpr, fnr))
        if first < 1 - delta
    ]
    return max(0.0, *candidates, 0.0)


def mu_from_errors(errors: ErrorCounts, confidence: float) -> float:
    """Finds the largest μ that both error rates refute, if the mechanism is a Gaussian one.

    μ ≥ Φ⁻¹(1 - FPR) - Φ⁻¹(FNR) at Clopper–Pearson upper bounds of both rates.

    Source: Nasr et al. 2023, "Tight Auditing of Differentially Private Machine Learning", arXiv:2302.07956.
    """
    fpr, fnr = _error_bounds(errors, confidence)
    return max(0.0, float(ndtri(1 - fpr) - ndtri(fnr))) if max(fpr, fnr) < 1 else 0.0


def _error_bounds(errors: ErrorCounts, confidence: float) -> tuple[float, float]:
    """Clopper–Pearson upper bounds of the false positive and the false negative rate."""
    validate.in_open_unit(confidence=confidence)
    return (
        _upper_bound(errors.false_positives, errors.outs, (1 + confidence) / 2),
        _upper_bound(errors.false_negatives, errors.ins, (1 + confidence) / 2),
    )


def _upper_bound(count: int, trials: int, confidence: float) -> float:
    if not trials:
        return 1.0
    return float(binomtest(count, trials, alternative="less").proportion_ci(confidence).high)


def epsilon_from_guesses(guesses: Guesses, delta: float, confidence: float) -> float:
    """Finds the largest ε that so many right guesses in one run refute.

    Source: Steinke, Nasr and Jagielski 2023, "Privacy Auditing with One (1) Training Run", arXiv:2305.08846,
    theorem 5.2.
    """
    validate.in_open_unit(delta=delta, confidence=confidence)
    return _largest_refuted(
        lambda epsilon: _luck(guesses, epsilon, delta) - (1 - confidence), _MOST_EPSILON
    )


def _luck(guesses: Guesses, epsilon: float, delta: float) -> float:
    """Bounds the probability of so many right guesses under (ε, δ)-differential privacy."""
    rate = float(expit(epsilon))
    tail = binom.sf(guesses.right - 1, guesses.made, rate)
    fewer = np.arange(1, guesses.right + 1)
    between = binom.sf(guesses.right - fewer - 1, guesses.made, rate) - tail
    slope = float(np.max(between / fewer, initial=0.0))
    return min(1.0, float(tail) + 2 * guesses.canaries * delta * slope)


def mu_from_guesses(guesses: Guesses, confidence: float) -> float:
    """Finds the largest μ that so many right guesses in one run refute, if the mechanism is a Gaussian one.

    Source: Mahloujifar, Melis and Chaudhuri 2024, "Auditing f-Differential Privacy in One Run", arXiv:2410.22235,
    algorithm 3.
    """
    validate.in_open_unit(confidence=confidence)
    return _largest_refuted(
        lambda mu: guesses.made / guesses.canaries - _least_mass(guesses, mu, 1 - confidence),
        _MOST_MU,
    )


def _least_mass(guesses: Guesses, mu: float, risk: float) -> float:
    """Bounds from below the probability mass of the right and wrong guesses if the mechanism is μ-GDP."""
    right = risk * guesses.right / guesses.canaries
    wrong = risk * (guesses.made - guesses.right) / guesses.canaries
    for count in range(guesses.right - 1, -1, -1):
        more = max(wrong, float(ndtr(ndtri(right) - mu)))
        if more == wrong:
            break
        right = min(1.0, right + count / (guesses.made - count) * (more - wrong))
        wrong = more
    return right + wrong


def _largest_refuted(excess: Callable[[float], float], most: float) -> float:
    """Finds the root of a rising function that is negative where a claim is refuted; 0 if none is."""
    if excess(0.0) >= 0:
        return 0.0
    if excess(most) < 0:
        return most
    return find_root(excess, 0.0, most, xtol=1e-6)
