"""Describes what an import will do: which images it opens and which masses it cuts from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mammo_core.ingestion.images.crops import Box
from mammo_core.ingestion.imports.patients import PatientsRecord


@dataclass(frozen=True, kw_only=True)
class MassToCut:
    """One annotation on an image.

    Attributes:
        label: BENIGN or MALIGNANT.
        mass_id: Name of the mass in its image; empty if it follows from the box.
        box: Where it is; None if masks say so, or if the whole image is the mass.
        from_bottom: Whether the box's top is counted from the bottom of the image.
        masks: Files of which one, told by its content, is the mask.
        several: Whether each separate region of the mask is a mass of its own.
        details: Columns of metadata.csv that tables said, all of them from fixed vocabularies.
    """

    label: int
    mass_id: str = ""
    box: Box | None = None
    from_bottom: bool = False
    masks: tuple[Path, ...] = field(default=(), repr=False)
    several: bool = False
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImageToCut:
    """One image and its masses.

    Attributes:
        key: Identity of the image in this import; tells nothing about a patient.
        path: The file; its name may identify a patient and is never written.
        shown: How the file is called on screen.
        patient: Pseudonym, or the public id of a public collection.
        image: Pseudonym, or the public id.
        split: "train", "val" or "test"; empty until `splitting` has decided.
    """

    key: str
    path: Path = field(repr=False)
    shown: str = field(repr=False)
    patient: str
    image: str
    split: str = ""
    masses: tuple[MassToCut, ...]


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """Something left out: what, as its owner calls it, the kind of reason, and what to do."""

    what: str
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The result of a survey.

    Attributes:
        tables: Names and numbers of rows of the tables read.
        splits: Of patients whose split somebody else decided.
        notes: What was understood of tables and segmentations; for the screen only.
        warnings: What may be wrong with the whole; they name no file and nobody.
        patients_record: How patients were told apart.
        is_whole: Whether nothing says where masses are, so that each image is one.
    """

    images: tuple[ImageToCut, ...]
    skipped: tuple[Skipped, ...] = ()
    tables: tuple[str, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    patients_record: PatientsRecord | None = None
    is_whole: bool = False

    @property
    def patients(self) -> dict[str, int]:
        """The label of each patient: MALIGNANT if any mass is."""
        labels: dict[str, int] = {}
        for image in self.images:
            highest = max(mass.label for mass in image.masses)
            labels[image.patient] = max(highest, labels.get(image.patient, highest))
        return labels

    def with_splits(self, splits: Mapping[str, str]) -> Survey:
        """Returns the survey with the split of every patient."""
        images = tuple(replace(image, split=splits[image.patient]) for image in self.images)
        return replace(self, images=images)


def counted(warnings: Iterable[str]) -> tuple[str, ...]:
    """Lists each warning once, with its count if it came more than once."""
    return tuple(
        text if count == 1 else f"{text} ({count} times)"
        for text, count in Counter(warnings).items()
    )
