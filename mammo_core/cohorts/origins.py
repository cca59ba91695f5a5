"""Traces where synthetic masses come from, as far as their folder can prove it, and whom runs train on.

A folder proves its origin by the generator's card and a manifest that names this generator and the content
of every mass. That guards against mixing folders up, not against forgery.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mammo_core.cohorts.cohort import Cohort
from mammo_core.errors import CheckpointError
from mammo_core.privacy.statements.training_data import (
    UNKNOWN_ORIGIN,
    SyntheticOrigin,
    TrainingData,
)
from mammo_core.synthesis.cards import (
    MANIFEST,
    MANIFEST_COLUMNS,
    GeneratorCard,
    file_hash,
    load_card,
)
from mammo_core.system.secret_key import hash_patients

# trained without differential privacy on CBIS-DDSM; whose masses exactly is not published
PAPER_ORIGIN = SyntheticOrigin(generator="MCGAN of the paper")
_PAPER_NAME = re.compile(r"batch_\d+_\d+_(malignant|benign)")


def origin_of_card(name: str, card: GeneratorCard) -> SyntheticOrigin:
    """Returns the origin of masses sampled from a generator."""
    return SyntheticOrigin(
        generator=name,
        patients=card.possible_patients,
        guarantee=card.guarantee,
        saw_patients=card.saw_patients,
    )


def origin_of_folder(folder: Path) -> SyntheticOrigin:
    """Returns the origin of all masses in a folder of synthetic ones.

    Returns:
        The paper's generator if every name is of its kind; the generator of the only card there if the
        manifest lists every file with just this content; else unknown.
    """
    masses = sorted(folder.glob("*.png"))
    if masses and all(_PAPER_NAME.fullmatch(path.stem) for path in masses):
        return PAPER_ORIGIN
    cards = _cards(folder)
    if len(cards) != 1 or not (folder / MANIFEST).is_file():
        return UNKNOWN_ORIGIN
    ((name, card),) = cards.items()
    listed = _listed_files(folder / MANIFEST, card)
    if not masses or any(listed.get(path.name) != file_hash(path.read_bytes()) for path in masses):
        return UNKNOWN_ORIGIN
    return origin_of_card(name, card)


def words_for(train: Cohort) -> str:
    """Describes a train split as a generator's card does: its site and numbers."""
    return f"{train.sites[0]}, train split: {len(train)} masses of {train.num_patients} patients"


def saw_these_only(card: GeneratorCard, train: Cohort, heldout: Sequence[Cohort]) -> bool:
    """Checks whether a generator saw all patients of a train split and none of those held out.

    Where only the public dataset that it learned from is known, the split of that name and size is taken for its own.
    """
    own, others = (
        hash_patients(one for part in parts for one in part.patient_ids.tolist())
        for parts in ([train], heldout)
    )
    if card.patients:
        return own <= card.patients and not others & card.patients
    return own <= card.possible_patients and card.training_data == words_for(train)


def training_data(
    patient_ids: np.ndarray,
    num_synthetic: int,
    origin: SyntheticOrigin,
    *,
    is_demonstration: bool = False,
) -> TrainingData:
    """Describes the training data of runs.

    Args:
        patient_ids: (N,) str, of each real training mass.
        origin: Of the synthetic masses.
    """
    patients, counts = np.unique(patient_ids, return_counts=True)
    return TrainingData(
        num_patients=len(patients),
        num_images=len(patient_ids),
        num_synthetic=num_synthetic,
        largest_patient=int(counts.max()),
        patients=hash_patients(patients.tolist()),
        origin=origin,
        is_demonstration=is_demonstration,
    )


def _cards(folder: Path) -> dict[str, GeneratorCard]:
    """Reads the generators' cards in a folder, by name; skips other JSON files."""
    cards = {}
    for path in sorted(folder.glob("*.json")):
        try:
            cards[path.stem] = load_card(path)
        except CheckpointError:
            continue
    return cards


def _listed_files(manifest: Path, card: GeneratorCard) -> dict[str, str]:
    """Reads from a manifest the content hash of every file of this generator, by name."""
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not card.sha256 or not set(MANIFEST_COLUMNS) <= set(reader.fieldnames or ()):
            return {}
        return {
            row["file"]: row["file_sha256"]
            for row in reader
            if row["generator_sha256"] == card.sha256
        }
