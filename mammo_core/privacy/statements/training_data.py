"""Describes the data that a guarantee depends on: whose masses, how many, and the origin of synthetic ones."""

from __future__ import annotations

from dataclasses import dataclass

from mammo_core.config.runs import Strategy, Unit
from mammo_core.privacy.accounting.guarantee import Guarantee


@dataclass(frozen=True, kw_only=True)
class SyntheticOrigin:
    """The generator that synthetic masses come from.

    Attributes:
        generator: Its name; empty if nobody knows.
        patients: Hashed ids of all patients it learned from; empty if not recorded.
        guarantee: None if it was trained without differential privacy, or if nobody knows.
        saw_patients: Whether it may have learned from any.
    """

    generator: str
    patients: frozenset[str] = frozenset()
    guarantee: Guarantee | None = None
    saw_patients: bool = True


UNKNOWN_ORIGIN = SyntheticOrigin(generator="")


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What can be trained on.

    Attributes:
        num_patients: Real patients.
        num_images: Their masses.
        num_synthetic: Synthetic masses.
        largest_patient: Most masses of one patient; None if not recorded.
        patients: Hashed ids of the real patients; empty if not recorded.
        origin: Of the synthetic masses.
        is_demonstration: Whether synthetic masses stand in for real ones, so that there are no patients.
    """

    num_patients: int
    num_images: int
    num_synthetic: int
    largest_patient: int | None
    patients: frozenset[str] = frozenset()
    origin: SyntheticOrigin = UNKNOWN_ORIGIN
    is_demonstration: bool = False

    def num_units(self, strategy: Strategy, unit: Unit) -> int:
        """Counts the units of privacy that a strategy trains on; a synthetic mass is its own unit."""
        if strategy == "synthetic":
            return self.num_synthetic
        return self.num_patients if unit == "patient" else self.num_images
