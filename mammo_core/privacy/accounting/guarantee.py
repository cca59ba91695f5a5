"""Converts guarantees of differential privacy from masses to patients, and composes two of them."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import expit

from mammo_core.config.runs import Arithmetic, Unit
from mammo_core.privacy.accounting.gaussian import find_root, gaussian_delta, spent_epsilon


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """(ε, δ)-differential privacy for emptying the records of one unit.

    Attributes:
        epsilon: At `delta`, of everything that touched real masses; infinity guarantees nothing.
        unit: Whose whole contribution is hidden.
        num_units: In the training data of a generator; public.
        mechanism: What a generator released with noise.
        mu: If all of it is together exactly one Gaussian mechanism, its μ; else None.
        largest_patient: Most masses of one patient in a generator's training data; None if not recorded.
        arithmetic: How a generator's noise was added, see `PrivacyConfig`.
    """

    epsilon: float
    delta: float
    unit: Unit
    num_units: int | None = None
    mechanism: str = ""
    mu: float | None = None
    largest_patient: int | None = None
    arithmetic: Arithmetic = "float"

    def __str__(self) -> str:
        return f"({self.epsilon:.3g}, {self.delta:g})-differential privacy per {self.unit}"


def gaussian_guarantee(mu: float, delta: float, unit: Unit) -> Guarantee:
    """Gives the guarantee of one Gaussian mechanism at a δ."""
    return Guarantee(epsilon=spent_epsilon(mu, delta), delta=delta, unit=unit, mu=mu)


def group_privacy(guarantee: Guarantee, largest_patient: int | None) -> Guarantee | None:
    """Converts a guarantee to any patient with at most `largest_patient` masses.

    Returns:
        None if a guarantee per mass cannot be converted: their number is not known, or δ would reach 1.

    Source: group privacy. Of a Gaussian mechanism Dong, Roth and Su 2019, arXiv:1905.02383, theorem 6
    (k μ); of any other Vadhan 2017, The Complexity of Differential Privacy, lemma 2.2, with the sum
    δ (1 + e^ε + … + e^((k - 1) ε)) of its proof.
    """
    if guarantee.unit == "patient":
        return guarantee
    if largest_patient is None:
        return None
    if guarantee.mu is not None:
        return gaussian_guarantee(largest_patient * guarantee.mu, guarantee.delta, "patient")
    terms = (math.exp(-step * guarantee.epsilon) for step in range(largest_patient))
    log_delta = (
        math.log(guarantee.delta) + (largest_patient - 1) * guarantee.epsilon + math.log(sum(terms))
    )
    if log_delta >= 0:
        return None
    return Guarantee(
        epsilon=largest_patient * guarantee.epsilon, delta=math.exp(log_delta), unit="patient"
    )


def compose_basic(first: Guarantee, second: Guarantee) -> Guarantee:
    """Composes any two releases for the same unit: ε and δ add up.

    Source: Dwork and Roth 2014, The Algorithmic Foundations of Differential Privacy, theorem 3.16.
    """
    return Guarantee(
        epsilon=first.epsilon + second.epsilon,
        delta=first.delta + second.delta,
        unit=first.unit,
    )


def compose_gaussian(first: Guarantee, mu: float, delta: float) -> Guarantee:
    """Composes any release and then a Gaussian mechanism for the same unit, which may depend on it.

    Args:
        mu: Of the Gaussian mechanism.
        delta: At which its ε is taken.

    Returns:
        If the first is Gaussian, too, exactly one Gaussian mechanism at the second's δ. Else ε at the sum
        of both δ, and at most the sum of both ε.

    Source: Dong, Roth and Su 2019, arXiv:1905.02383, corollary 2. Else the first is replaced by
    randomised response with a share δ of plain answers, which no (ε, δ) mechanism reveals more than (Kairouz, Oh
    and Viswanath 2015, arXiv:1311.0776); such pairs compose (Zhu, Dong and Wang 2022, arXiv:2106.08567).
    """
    if first.mu is not None:
        return gaussian_guarantee(math.hypot(first.mu, mu), delta, first.unit)
    total_delta = first.delta + delta

    def excess(epsilon: float) -> float:
        answered = expit(first.epsilon) * gaussian_delta(mu, epsilon - first.epsilon) + expit(
            -first.epsilon
        ) * gaussian_delta(mu, epsilon + first.epsilon)
        return first.delta + (1 - first.delta) * answered - total_delta

    alone = spent_epsilon(mu, delta)
    least, most = max(first.epsilon, alone), first.epsilon + alone
    epsilon = least if excess(least) <= 0 else find_root(excess, least, most, xtol=1e-12)
    return Guarantee(epsilon=epsilon, delta=total_delta, unit=first.unit)
