"""Identifies a synthetic mass of a generator by class, seed and truncation. `sampling` generates it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES

MAX_SEED = 2**53 - 1  # what a browser can count to


@dataclass(frozen=True, order=True)
class MassId:
    """One mass of a generator; the same id is always the same mass.

    Attributes:
        label: BENIGN or MALIGNANT.
        seed: 0 to MAX_SEED.
        truncation: Factor of the latent, in (0, 1]: smaller is more typical and less varied.

    Example:
        >>> MassId(1, 7).name, MassId(1, 7, 0.5).name, MassId(1, 7).class_name
        ('seed7', 'seed7truncation0.5', 'malignant')
    """

    label: int
    seed: int
    truncation: float = 1.0

    def __post_init__(self) -> None:
        validate.one_of(CLASS_NAMES, label=self.label)
        validate.at_least(0, seed=self.seed)
        if self.seed > MAX_SEED:
            raise InvalidRequestError(
                f"Expected a seed of at most {MAX_SEED}; got {self.seed}. Use a smaller one."
            )
        if not 0 < self.truncation <= 1:
            raise InvalidRequestError(
                f"Expected 0 < truncation <= 1; got {self.truncation!r}. Use 1 for the whole variety."
            )

    @property
    def class_name(self) -> str:
        """ "benign" or "malignant"."""
        return CLASS_NAMES[self.label]

    @property
    def name(self) -> str:
        """The name of its file, without class and suffix."""
        return f"seed{self.seed}" + (
            "" if self.truncation == 1 else f"truncation{self.truncation:g}"
        )

    @property
    def key(self) -> str:
        """A short text that is unique among masses of one truncation.

        Example:
            >>> MassId.from_key(MassId(1, 7).key)
            MassId(label=1, seed=7, truncation=1.0)
        """
        return f"{self.seed}-{self.class_name}"

    @classmethod
    def from_key(cls, key: str, truncation: float = 1.0) -> MassId:
        """Parses a `key`.

        Raises:
            InvalidRequestError: If it is no such text.
        """
        seed, _, class_name = key.partition("-")
        labels = {name: label for label, name in CLASS_NAMES.items()}
        if not (seed.isascii() and seed.isdigit() and class_name in labels):
            raise InvalidRequestError(
                f"Expected a mass as SEED-CLASS; got {key!r}. Write for example 7-malignant."
            )
        return cls(labels[class_name], int(seed), truncation)

    @property
    def twin(self) -> MassId:
        """The mass of the other class that everything else is shared with."""
        (other,) = CLASS_NAMES.keys() - {self.label}
        return MassId(other, self.seed, self.truncation)


def masses_in_order(
    classes: tuple[int, ...], count: int, first_seed: int, truncation: float = 1.0
) -> Iterator[MassId]:
    """Yields `count` masses of seeds first_seed, first_seed + 1, …, the classes in turn.

    The order of `gan sample`, so that a page and a command show the same masses.

    Example:
        >>> [mass.key for mass in masses_in_order((0, 1), 3, 5)]
        ['5-benign', '6-malignant', '7-benign']
    """
    for index in range(count):
        yield MassId(classes[index % len(classes)], first_seed + index, truncation)
