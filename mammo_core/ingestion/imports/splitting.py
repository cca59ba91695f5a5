"""Splits masses by patient into train, validation and test, from a seed, the same on every computer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mammo_core.cohorts.cohort import SPLITS
from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import MALIGNANT

SplitBy = Literal["official", "random", "column"]
SPLIT_WAYS: tuple[SplitBy, ...] = ("official", "random", "column")


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """Settings of the split by patient.

    Attributes:
        by: "official" keeps the test set that the collection names and samples validation from the rest;
            "random" samples both; "column" takes the column `split` of the labels.
        seed: Of the random split.
        val_share: Share of the patients who do not test that validate, for "official"; of all, for "random".
        test_share: Share of all patients, for "random". 1 makes a site for testing only.
    """

    by: SplitBy = "random"
    seed: int = 0
    val_share: float = 0.15
    test_share: float = 0.2

    def __post_init__(self) -> None:
        validate.one_of(SPLIT_WAYS, by=self.by)
        validate.at_least(0, seed=self.seed, val_share=self.val_share, test_share=self.test_share)
        if self.val_share + self.test_share > 1:
            raise InvalidRequestError(
                "Expected shares of validation and test of at most 1 together; got "
                f"{self.val_share:g} and {self.test_share:g}. Make one smaller."
            )


def assign_splits(
    labels: Mapping[str, int], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Gives every patient a split, alike for patients with and without a malignant mass.

    Patients are put in an order that follows from the seed and their name alone.

    Args:
        labels: Of each patient, MALIGNANT if any mass is.
        shares: Of "val" and "test", in 0 to 1; the rest trains.

    Returns:
        "train", "val" or "test" of each patient.
    """
    splits = {}
    for malignant in (False, True):
        group = [patient for patient, label in labels.items() if (label == MALIGNANT) == malignant]
        group.sort(key=lambda patient: hashlib.sha256(f"{seed} {patient}".encode()).digest())
        num_test = round(shares.get("test", 0.0) * len(group))
        num_val = min(round(shares.get("val", 0.0) * len(group)), len(group) - num_test)
        for place, patient in enumerate(group):
            splits[patient] = (
                "test" if place < num_test else "val" if place < num_test + num_val else "train"
            )
    return splits


def split_from_word(word: str) -> str | None:
    """Translates a word to a split; None if it means none.

    Example:
        >>> split_from_word("Validation"), split_from_word("training"), split_from_word("x")
        ('val', 'train', None)
    """
    word = word.strip().lower()
    return next((split for split in SPLITS if word.startswith(split)), None)
