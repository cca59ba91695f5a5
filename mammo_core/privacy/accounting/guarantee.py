"""What a generator promises to the patients it was trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import expit

from mammo_core.config.runs import Unit
from mammo_core.privacy.accounting.gaussian import gaussian_delta, spent_epsilon


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """The differential privacy that a generator was trained with, for adding or removing one unit.

    Attributes:
        epsilon: Spent, at `delta`, by everything that touched real masses.
        unit: Whose whole contribution is hidden.
        num_units: In the training data; treated as public.
        mechanism: What was released with noise.
        mu: If all of it is together exactly one Gaussian mechanism, its μ; else None.
        largest_patient: Most masses of one patient in the training data; None if not recorded.
    """

    epsilon: float
    delta: float
    unit: Unit
    num_units: int
    mechanism: str
    mu: float | None = None
    largest_patient: int | None = None

    def __str__(self) -> str:
        return f"({self.epsilon:.3g}, {self.delta:g})-differential privacy per {self.unit}"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """(ε, δ)-differential privacy for adding or removing one unit.

    Attributes:
        epsilon: Infinity promises nothing.
        mu: If what was released is exactly one Gaussian mechanism, its μ; else None.
    """

    epsilon: float
    delta: float
    unit: Unit
    mu: float | None = None


def gaussian_promise(mu: float, delta: float, unit: Unit) -> Promise:
    """What one Gaussian mechanism promises at a δ."""
    return Promise(epsilon=spent_epsilon(mu, delta), delta=delta, unit=unit, mu=mu)


def promise_of(guarantee: Guarantee) -> Promise:
    """A generator's guarantee in numbers."""
    return Promise(
        epsilon=guarantee.epsilon, delta=guarantee.delta, unit=guarantee.unit, mu=guarantee.mu
    )


def for_patient(promise: Promise, largest_patient: int | None) -> Promise | None:
    """What a promise is worth to any patient with at most `largest_patient` masses.

    Returns:
        None if a promise per mass cannot be turned into one: their number is not known, or δ would reach 1.

    Source: group privacy. Of a Gaussian mechanism Dong, Roth and Su 2019, arXiv:1905.02383, theorem 6
    (k μ); of any other Vadhan 2017, The Complexity of Differential Privacy, lemma 2.2, with the sum
    δ (1 + e^ε + … + e^((k - 1) ε)) of its proof.
    """
    if promise.unit == "patient":
        return promise
    if largest_patient is None:
        return None
    if promise.mu is not None:
        return gaussian_promise(largest_patient * promise.mu, promise.delta, "patient")
    terms = (math.exp(-step * promise.epsilon) for step in range(largest_patient))
    log_delta = (
        math.log(promise.delta) + (largest_patient - 1) * promise.epsilon + math.log(sum(terms))
    )
    if log_delta >= 0:
        return None
    return Promise(
        epsilon=largest_patient * promise.epsilon, delta=math.exp(log_delta), unit="patient"
    )


def added(first: Promise, second: Promise) -> Promise:
    """What any two releases to the same unit promise together, whatever they are: ε and δ add up.

    Source: Dwork and Roth 2014, The Algorithmic Foundations of Differential Privacy, theorem 3.16.
    """
    return Promise(
        epsilon=first.epsilon + second.epsilon,
        delta=first.delta + second.delta,
        unit=first.unit,
    )


def with_gaussian(first: Promise, gaussian: Promise) -> Promise:
    """What any release and then a Gaussian mechanism, which may depend on it, promise together to one unit.

    Args:
        first: For the same unit.
        gaussian: Its μ is known.

    Returns:
        If the first is Gaussian, too, exactly one Gaussian mechanism at the second's δ. Else ε at the sum
        of both δ, and at most the sum of both ε.

    Source: Dong, Roth and Su 2019, arXiv:1905.02383, corollary 2. Else the first is replaced by
    randomised response with a share δ of plain answers, which no (ε, δ) mechanism reveals more than (Kairouz, Oh
    and Viswanath 2015, arXiv:1311.0776); such pairs compose (Zhu, Dong and Wang 2022, arXiv:2106.08567).
    """
    if first.mu is not None:
        return gaussian_promise(math.hypot(first.mu, gaussian.mu), gaussian.delta, gaussian.unit)
    delta = first.delta + gaussian.delta

    def excess(epsilon: float) -> float:
        answered = expit(first.epsilon) * gaussian_delta(
            gaussian.mu, epsilon - first.epsilon
        ) + expit(-first.epsilon) * gaussian_delta(gaussian.mu, epsilon + first.epsilon)
        return first.delta + (1 - first.delta) * answered - delta

    least, most = max(first.epsilon, gaussian.epsilon), first.epsilon + gaussian.epsilon
    epsilon = least if excess(least) <= 0 else float(brentq(excess, least, most, xtol=1e-12))
    return Promise(epsilon=epsilon, delta=delta, unit=gaussian.unit)
