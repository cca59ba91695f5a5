"""What releases cost together, patient by patient: composed by their mechanisms, never by adding up ε.

Releases that are Gaussian mechanisms as a whole (every unit takes part in every step) compose exactly. As soon
as one drew random units (DP-SGD) its privacy loss distribution is composed with the Gaussian ones; the result is
an upper bound.

Sources: Dong, Roth and Su 2019, arXiv:1905.02383 (corollary 2 composition, theorem 6 groups); Koskela, Jälkö and
Honkela 2020, arXiv:1906.03049, and Doroshenko et al. 2022, arXiv:2207.04380 (privacy loss distributions);
Ganesh 2024, arXiv:2401.10294 (groups under sampling).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mammo_core.config import validate
from mammo_core.config.runs import UNITS, Unit
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.gaussian import spent_epsilon

_LOSS_STEP = 1e-3  # of discretised privacy losses, rounded up
_SLOW_LOOKS = 40
_FINE_UP_TO = 100.0  # above, the looser bound by Rényi DP tells as much


@dataclass(frozen=True)
class NoisySteps:
    """Noisy sums over units, one after the other.

    Attributes:
        noise_multiplier: Noise standard deviation over clipping norm, > 0.
        sample_rate: With which chance each unit takes part in a step, in (0, 1]; 1 means all do.
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
        """A bound for `size` units together: the steps as if they were one, always drawn together.

        Exact for a sample rate of 1. Else the group's contribution, at most `size` clipping norms, is
        taken as whole whenever one of it is drawn: more than it really gives, so never too small.
        """
        if self.sample_rate == 1:
            return NoisySteps(self.noise_multiplier / size, 1.0, self.times)
        drawn = -math.expm1(size * math.log1p(-self.sample_rate))
        return NoisySteps(self.noise_multiplier / size, drawn, self.times)


@dataclass(frozen=True, kw_only=True)
class PrivacyCost:
    """What one release costs those whose data it was computed from.

    Attributes:
        steps: Every look at the data, in noisy sums; None without differential privacy.
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
        """Whether it promises anything."""
        return self.steps is not None

    def steps_for(self, unit: Unit) -> tuple[NoisySteps, ...]:
        """The steps as they touch one unit; those of a release by image touch a patient by all its masses.

        Raises:
            InvalidRequestError: If it hides patients and is asked for images: the one does not follow from the other
                at the same noise, since one image less changes a patient's contribution by up to twice its bound.
        """
        if self.unit == unit:
            return self.steps or ()
        if unit == "image":
            raise InvalidRequestError(
                "Expected releases by image to add up by image; got one by patient. Add up by patient."
            )
        return tuple(part.for_group(self.largest_patient) for part in self.steps or ())


def total_epsilon(spendings: Iterable[PrivacyCost], delta: float, unit: Unit = "patient") -> float:
    """What releases cost together: the ε at δ that all of them keep to one unit.

    Returns:
        0 for none; infinity if one is without differential privacy.

    Raises:
        InvalidRequestError: If units do not go together, see `PrivacyCost.steps_for`.
    """
    total = _Total(delta, unit)
    for spending in spendings:
        total.add(spending)
    return total.epsilon


def running_epsilons(
    spendings: Sequence[PrivacyCost], delta: float, unit: Unit = "patient"
) -> list[float]:
    """ε of the first, the first two, … of several releases; infinity from one without DP on.

    If many releases follow one that drew random units, not each of them is looked at: those between have the next,
    larger ε.

    Example:
        >>> gauss = PrivacyCost(steps=(NoisySteps(1.0, 1.0, 1),), unit="patient", largest_patient=1)
        >>> [round(epsilon, 3) for epsilon in running_epsilons([gauss, gauss], delta=1e-4)]
        [3.804, 5.773]
    """
    total, epsilons, waiting = _Total(delta, unit), [], 0
    is_slow = any(part.sample_rate < 1 for each in spendings for part in each.steps or ())
    stride = math.ceil(len(spendings) / _SLOW_LOOKS) if is_slow else 1
    for count, spending in enumerate(spendings, start=1):
        total.add(spending)
        waiting += 1
        if count % stride == 0 or count == len(spendings):
            epsilons += [total.epsilon] * waiting
            waiting = 0
    return epsilons


def mu_of_releases(spendings: Iterable[PrivacyCost], unit: Unit = "patient") -> float | None:
    """μ of releases that are one Gaussian mechanism together; None if one drew random units.

    0 for none; infinity if one is without differential privacy.
    """
    total = _Total(0.5, unit)
    for spending in spendings:
        total.add(spending)
    return None if total.sampled else total.mu


class _Total:
    """A sum of releases that grows."""

    def __init__(self, delta: float, unit: Unit) -> None:
        validate.in_open_unit(delta=delta)
        self._delta = delta
        self._unit = unit
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
        return _epsilon_with_sampled(self.sampled, self.mu, self._delta)

    def add(self, spending: PrivacyCost) -> None:
        if not spending.is_private:
            self._squared_mu = math.inf
        for part in spending.steps_for(self._unit):
            if part.sample_rate == 1:
                self._squared_mu += part.times / part.noise_multiplier**2
            else:
                self.sampled = tuple(sorted((*self.sampled, part), key=_order))


def _order(part: NoisySteps) -> tuple[float, float, int]:
    return part.noise_multiplier, part.sample_rate, part.times


@lru_cache(maxsize=4096)
def _epsilon_with_sampled(sampled: tuple[NoisySteps, ...], mu: float, delta: float) -> float:
    """An upper bound of the ε of steps on random units and of a Gaussian mechanism of μ (0 for none)."""
    rough = _epsilon_by_renyi(sampled, mu, delta)
    if rough > _FINE_UP_TO:
        return rough
    losses = _losses(sampled)
    if mu:
        losses = losses.compose(_gaussian_losses(1 / mu, 1.0))
    return float(losses.get_epsilon_for_delta(delta))


@lru_cache(maxsize=16)
def _losses(sampled: tuple[NoisySteps, ...]):
    """Privacy losses of all steps together, rounded up, of dp-accounting."""
    first, *others = (
        _gaussian_losses(part.noise_multiplier, part.sample_rate).self_compose(part.times)
        for part in sampled
    )
    for losses in others:
        first = first.compose(losses)
    return first


def _gaussian_losses(noise_multiplier: float, sample_rate: float):
    from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism

    return from_gaussian_mechanism(
        noise_multiplier, sampling_prob=sample_rate, value_discretization_interval=_LOSS_STEP
    )


def _epsilon_by_renyi(sampled: tuple[NoisySteps, ...], mu: float, delta: float) -> float:
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(part.noise_multiplier, part.sample_rate, part.times) for part in sampled]
    if mu:
        accountant.history.append((1 / mu, 1.0, 1))
    with warnings.catch_warnings():  # of its best order being the largest or smallest it tries
        warnings.simplefilter("ignore")
        return float(accountant.get_epsilon(delta))
