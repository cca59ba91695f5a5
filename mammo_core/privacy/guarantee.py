"""What a generator promises to the patients it was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from mammo_core.config import Unit


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
