"""Generators installed here that learned from a cohort's patients and were released from elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mammo_core.ledger.book import LedgerBook
from mammo_core.ledger.releases import Release
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost
from mammo_core.synthesis.cards import GeneratorCard, find_generators, load_card
from mammo_core.system.secret_key import hash_again


@dataclass(frozen=True)
class OtherGenerator:
    """A generator that the ledger of this machine knows nothing of.

    Attributes:
        shared: How many of the cohort's patients it learned from.
        promise: In words, or "none".
        release: To count it in. Without DP also where its guarantee cannot be composed, see `is_composed`.
    """

    name: str
    shared: int
    promise: str
    release: Release

    @property
    def is_composed(self) -> bool:
        """Whether its guarantee composes with others; else it counts as without DP."""
        return self.release.spending.is_private


def other_generators(
    book: LedgerBook, patients: frozenset[str], folder: Path
) -> list[OtherGenerator]:
    """Those in a folder whose card names one of these patients and that were not trained here.

    Raises:
        CheckpointError: If a card cannot be read.
    """
    cards = {name: load_card(folder / name) for name in find_generators(folder)}
    return [
        OtherGenerator(
            name=name, shared=shared, promise=card.guarantee_text, release=_release(name, card)
        )
        for name, card in cards.items()
        if card.sha256 not in book.generators
        and (shared := len(patients & hash_again(card.patients)))
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
