"""Computes what releases cost a patient together: composed by their mechanisms, never by adding up ε.

Releases in which every unit takes part in every step are Gaussian mechanisms and compose exactly. With a release
that sampled units (DP-SGD) privacy loss distributions are composed; the result is an upper bound.

Sources: Dong, Roth and Su 2019, arXiv:1905.02383 (corollary 2 composition, theorem 6 groups);
Ganesh 2024, arXiv:2401.10294 (groups under sampling).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from mammo_core.config import validate
from mammo_core.config.runs import UNITS, Unit
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.composition import composed_epsilon
from mammo_core.privacy.accounting.gaussian import spent_epsilon

_MOST_SLOW_TOTALS = 40


@dataclass(frozen=True)
class NoisySteps:
    """One or more equal noisy sums over units.

    Attributes:
        noise_multiplier: Noise standard deviation over clipping norm, > 0.
        sample_rate: Chance of each unit to take part in a step, in (0, 1]; 1 means all do.
        times: How many.
    """

    noise_multiplier: float
    sample_rate: float
    times: int

    def __post_init__(self) -> None:
        validate.positive(noise_multiplier=self.noise_multiplier, sample_rate=self.sample_rate)
        validate.at_least(1, times=self.times)
        if self.sample_rate > 1:
            raise InvalidRequestError(
                f"Expected sample_rate <= 1; got {self.sample_rate}. Use 1 if all take part."
            )

    def for_group(self, size: int) -> NoisySteps:
        """Bounds the steps for `size` units together, as if they were one unit, always sampled together.

        Exact for a sample rate of 1. Else the group counts with its whole contribution, at most `size`
        clipping norms, whenever one of its units is sampled. That is an upper bound.
        """
        if self.sample_rate == 1:
            return NoisySteps(self.noise_multiplier / size, 1.0, self.times)
        any_sampled = -math.expm1(size * math.log1p(-self.sample_rate))
        return NoisySteps(self.noise_multiplier / size, any_sampled, self.times)


@dataclass(frozen=True, kw_only=True)
class PrivacyCost:
    """What one release costs those whose data it was computed from.

    Attributes:
        steps: Every noisy sum over the data; None without differential privacy.
        unit: Whose whole contribution a clipping norm bounds: a "patient" or an "image" (mass).
        largest_patient: Most masses of one patient.
    """

    steps: tuple[NoisySteps, ...] | None
    unit: Unit
    largest_patient: int

    def __post_init__(self) -> None:
        validate.one_of(UNITS, unit=self.unit)
        validate.at_least(1, largest_patient=self.largest_patient)

    @property
    def is_private(self) -> bool:
        """Whether it has any guarantee."""
        return self.steps is not None

    def steps_for(self, unit: Unit) -> tuple[NoisySteps, ...]:
        """Converts the steps to a unit: in a release by image a patient takes part with all its masses.

        Raises:
            InvalidRequestError: If the release is by patient and the unit is the image. One image less changes a
                patient's contribution by up to twice its bound, so the same noise gives no such guarantee.
        """
        if self.unit == unit:
            return self.steps or ()
        if unit == "image":
            raise InvalidRequestError(
                "Expected releases by image to add up by image; got one by patient. Add up by patient."
            )
        return tuple(part.for_group(self.largest_patient) for part in self.steps or ())


def total_epsilon(costs: Iterable[PrivacyCost], delta: float, unit: Unit = "patient") -> float:
    """Computes the ε at δ of all releases together, for one unit.

    Returns:
        0 for none; infinity if one is without differential privacy.

    Raises:
        InvalidRequestError: If units do not go together, see `PrivacyCost.steps_for`.
    """
    total = _Total(delta, unit)
    for cost in costs:
        total.add(cost)
    return total.epsilon


def running_epsilons(
    costs: Sequence[PrivacyCost], delta: float, unit: Unit = "patient"
) -> list[float]:
    """Computes ε of the first, the first two, … of several releases; infinity from one without DP on.

    With a release that sampled units, at most 40 totals are computed: those in between get the next, larger ε.

    Example:
        >>> gauss = PrivacyCost(steps=(NoisySteps(1.0, 1.0, 1),), unit="patient", largest_patient=1)
        >>> [round(epsilon, 3) for epsilon in running_epsilons([gauss, gauss], delta=1e-4)]
        [3.804, 5.773]
    """
    total, waiting = _Total(delta, unit), 0
    epsilons: list[float] = []
    is_slow = any(part.sample_rate < 1 for each in costs for part in each.steps or ())
    stride = math.ceil(len(costs) / _MOST_SLOW_TOTALS) if is_slow else 1
    for count, cost in enumerate(costs, start=1):
        total.add(cost)
        waiting += 1
        if count % stride == 0 or count == len(costs):
            epsilons += [total.epsilon] * waiting
            waiting = 0
    return epsilons


def mu_of_releases(costs: Iterable[PrivacyCost], unit: Unit = "patient") -> float | None:
    """Computes μ of releases that are one Gaussian mechanism together; None if one sampled units.

    0 for none; infinity if one is without differential privacy.
    """
    total = _Total(0.5, unit)
    for cost in costs:
        total.add(cost)
    return None if total.sampled else total.mu


class _Total:
    """Adds up releases one by one."""

    def __init__(self, delta: float, unit: Unit) -> None:
        validate.privacy_slack(delta)
        self._delta = delta
        self._unit: Unit = unit
        self._squared_mu = 0.0
        self.sampled: tuple[NoisySteps, ...] = ()

    @property
    def mu(self) -> float:
        return math.sqrt(self._squared_mu)

    @property
    def epsilon(self) -> float:
        if not self._squared_mu and not self.sampled:
            return 0.0
        if math.isinf(self._squared_mu) or not self.sampled:
            return spent_epsilon(self.mu, self._delta)
        gaussian = [(1 / self.mu, 1.0, 1)] if self.mu else []
        return composed_epsilon([*map(astuple, self.sampled), *gaussian], self._delta, "pld")

    def add(self, cost: PrivacyCost) -> None:
        if not cost.is_private:
            self._squared_mu = math.inf
        for part in cost.steps_for(self._unit):
            if part.sample_rate == 1:
                self._squared_mu += part.times / part.noise_multiplier**2
            else:
                self.sampled = tuple(sorted((*self.sampled, part), key=astuple))
