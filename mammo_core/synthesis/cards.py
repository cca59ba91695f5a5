"""Describes generators and their masses on disk, without torch and without reading weights.

A card is the JSON file beside a generator's weights: configuration, training data and guarantee. A manifest is
the table beside a folder of synthetic masses: which generator each file is of.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mammo_core.config.from_dict import from_dict
from mammo_core.errors import CheckpointError
from mammo_core.labels import CLASS_NAMES
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.storage.atomic import json_text, write_text
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.members import keep_members, known_members, patients_of_public_data
from mammo_core.system.secret_key import hash_again

_FLOAT_NOISE = " (noise in single precision, whose lowest digits may tell more)"
MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = (
    "file",
    "file_sha256",
    "class",
    "origin",
    "generator_sha256",
    "generator_guarantee",
)


@dataclass(frozen=True, kw_only=True)
class GeneratorCard:
    """A generator's configuration, origin and privacy guarantee.

    Attributes:
        config: What was trained.
        training_data: Sites and numbers, in words.
        licence: Of the training data, with attribution.
        public_data: The public dataset that all its patients are of; empty for none.
        members: By which the installation that trained it knows its patients, see `keep_members`; empty if it does not.
        patients: Hashed ids of every patient whose masses it saw, as `hash_patients` gives them; empty if not known here.
            Never written into a card.
        images_seen: Real masses shown in training, repeats counted.
        device: What it was trained on.
        guarantee: None if it was trained without differential privacy.
        class_order: Names of the classes by condition index.
        command: That made it.
        metrics: Measured quality.
        notes: What limited it.
        sha256: Of the weights file; filled in when saved.
    """

    config: GanConfig
    training_data: str
    licence: str
    images_seen: int
    device: str
    command: str
    public_data: str = ""
    members: str = ""
    patients: frozenset[str] = frozenset()
    guarantee: Guarantee | None = None
    class_order: tuple[str, ...] = tuple(CLASS_NAMES[label] for label in sorted(CLASS_NAMES))
    metrics: dict[str, Any] = field(default_factory=dict)
    notes: str = ""
    sha256: str = ""

    @property
    def possible_patients(self) -> frozenset[str]:
        """Hashed ids of all whom it may have learned from; empty if nothing is known."""
        return self.patients or patients_of_public_data(self.public_data)

    @property
    def saw_patients(self) -> bool:
        """Whether it may have learned from any: only a simulator learns from nobody."""
        return self.config.architecture != "simulator" or self.images_seen > 0

    @property
    def guarantee_text(self) -> str:
        """Describes the guarantee in words; "none" without differential privacy."""
        if not self.saw_patients:
            return "none needed, as it learned from nobody"
        if self.guarantee is None:
            return "none"
        is_float = self.guarantee.arithmetic == "float"
        return f"{self.guarantee}{_FLOAT_NOISE if is_float else ''}"

    @property
    def provenance(self) -> str:
        """Says in sentences whom it learned from, and what it guarantees to them."""
        if not self.saw_patients:
            return "It learned from nobody: its masses are computed from what the literature says."
        return f"It learned from {self.training_data}. Its guarantee to these patients: {self.guarantee_text}."


def write_card(card: GeneratorCard, path: Path) -> None:
    """Writes PATH.json."""
    write_text(path.with_suffix(".json"), card_text(card))


def card_text(card: GeneratorCard) -> str:
    """Formats a card as JSON, the content of its file."""
    return json_text(card_values(card))


def card_values(card: GeneratorCard) -> dict[str, Any]:
    """Writes a card's fields as JSON-ready values, without its patients: these stay in `MAMMO_HOME`."""
    values = dataclasses.asdict(card)
    del values["patients"]
    if card.patients and not card.members:
        values["members"] = keep_members(card.patients, card.sha256)
    return values


def find_generators(folder: Path) -> list[str]:
    """Lists the generators in a folder that have a card and weights, in alphabetical order."""
    return sorted(
        card.stem for card in folder.glob("*.json") if card.with_suffix(".safetensors").is_file()
    )


def load_card(path: Path) -> GeneratorCard:
    """Reads a card.

    Raises:
        CheckpointError: If it is missing or no such card.
    """
    card = path.with_suffix(".json")
    try:
        values = json.loads(card.read_text(encoding="utf-8"))
        unkeyed = values.pop("patients", None)  # listed in cards of versions up to 0.2
        patients = (
            known_members(values.get("members", "")) if unkeyed is None else hash_again(unkeyed)
        )
        return dataclasses.replace(from_dict(GeneratorCard, values), patients=patients)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"Expected a generator's card at {card}; found none. Check the name."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise CheckpointError(
            f"Expected a generator's card at {card}; got something else ({error}). "
            "Get the file again."
        ) from error


def file_hash(content: bytes) -> str:
    """Returns the sha256 of a file, which tells it from any other of its name."""
    return hashlib.sha256(content).hexdigest()
