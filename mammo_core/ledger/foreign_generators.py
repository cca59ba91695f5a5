"""Generators installed here that learned from a cohort's patients and were released from elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mammo_core.ledger.book import LedgerBook
from mammo_core.ledger.releases import Release
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost
from mammo_core.synthesis.cards import GeneratorCard, find_generators, load_card


@dataclass(frozen=True)
class OtherGenerator:
    """A generator that the ledger of this machine knows nothing of.

    Attributes:
        shared: How many of the cohort's patients it learned from, or may have.
        public_data: The public dataset whose ids tell so; empty if its own patients are known here.
        promise: In words, or "none".
        release: To count it in. Without DP also where its guarantee cannot be composed, see `is_composed`.
    """

    name: str
    shared: int
    public_data: str
    promise: str
    release: Release

    @property
    def learned_from(self) -> str:
        """Says in words whom of the cohort it learned from."""
        if self.public_data:
            return (
                f"learned from the public dataset {self.public_data}; {self.shared} of these patients have ids of "
                "that dataset"
            )
        return f"learned from {self.shared} of these patients"

    @property
    def is_composed(self) -> bool:
        """Whether its guarantee composes with others; else it counts as without DP."""
        return self.release.spending.is_private


def other_generators(
    book: LedgerBook, patients: frozenset[str], folder: Path
) -> list[OtherGenerator]:
    """Those in a folder that learned, or may have, from one of these patients and were not trained here.

    Raises:
        CheckpointError: If a card cannot be read.
    """
    cards = {name: load_card(folder / name) for name in find_generators(folder)}
    return [
        OtherGenerator(
            name=name,
            shared=shared,
            public_data="" if card.patients else card.public_data,
            promise=card.guarantee_text,
            release=_release(name, card),
        )
        for name, card in cards.items()
        if card.sha256 not in book.generators and (shared := len(patients & card.possible_patients))
    ]


def _release(name: str, card: GeneratorCard) -> Release:
    guarantee = card.guarantee
    return Release(
        kind="generator",
        title=f"generator {name}, released elsewhere",
        strategy=card.config.architecture,
        target_epsilon=guarantee.epsilon if guarantee else math.inf,
        spending=_cost(card),
        noise="secret",
        noise_seed="",
        release=card.sha256,
        is_counted_once=True,
    )


def _cost(card: GeneratorCard) -> PrivacyCost:
    """One Gaussian mechanism if that is what its card says; anything else does not compose at every δ."""
    guarantee = card.guarantee
    if guarantee is None or guarantee.mu is None:
        return PrivacyCost(steps=None, unit="patient", largest_patient=1)
    if guarantee.unit == "image" and guarantee.largest_patient is None:
        return PrivacyCost(steps=None, unit="patient", largest_patient=1)
    return PrivacyCost(
        steps=(NoisySteps(1 / guarantee.mu, 1.0, 1),),
        unit=guarantee.unit,
        largest_patient=guarantee.largest_patient or 1,
    )
