"""Writes synthetic masses as PNG files with a manifest, in the layout that reads back as a cohort.

`write_masses` generates into a folder; `png_zip` packs masses that are there. `dicom` writes DICOM.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.cards import (
    MANIFEST,
    MANIFEST_COLUMNS,
    GeneratorCard,
    card_text,
    file_hash,
)
from mammo_core.synthesis.mass_id import MassId
from mammo_core.synthesis.sampling import MassGenerator, Origin, generate_masses

_BATCH = 64
README = "README.txt"


@dataclass(frozen=True)
class DrawRequest:
    """One mass to generate.

    Attributes:
        name: Of the file, without class and suffix; different for masses of one class.
        label: BENIGN or MALIGNANT.
        origin: The random input of the mass.
        seed: That the origin is of, unchanged; None for an interpolated or moved origin.
    """

    name: str
    label: int
    origin: Origin
    seed: int | None = None


def write_masses(
    generator: MassGenerator,
    card: GeneratorCard,
    generator_name: str,
    requests: Sequence[DrawRequest],
    folder: Path,
    *,
    suffix: str = ".png",
    encode: Callable[[np.ndarray, DrawRequest], bytes] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Generates masses and writes `NAME_CLASS.png` for each, then manifest.csv and the generator's card.

    Manifest and card tell whoever trains on the folder which guarantee the masses carry.

    Args:
        suffix: Of the files, if they are not PNG.
        encode: A mass (H, W) uint8 as the content of a file; None writes PNG.

    Raises:
        InvalidRequestError: If the folder holds something already, or there is nothing to generate.
    """
    validate.at_least(1, count=len(requests))
    if folder.exists() and any(folder.iterdir()):
        raise InvalidRequestError(
            f"Expected a new or empty folder; {folder} holds files already. Choose another --out; "
            "nothing was written."
        )
    rows = []
    for start in range(0, len(requests), _BATCH):
        part = requests[start : start + _BATCH]
        masses = generate_masses(
            generator, [item.label for item in part], [item.origin for item in part]
        ).numpy()
        folder.mkdir(parents=True, exist_ok=True)
        for mass, item in zip(masses, part, strict=True):
            kind = CLASS_NAMES[item.label]
            content = encode(mass, item) if encode else _png(mass)
            name = f"{item.name}_{kind}{suffix}"
            (folder / name).write_bytes(content)
            rows.append(
                [name, file_hash(content), kind, item.name, card.sha256, card.guarantee_text]
            )
        if on_progress:
            on_progress(start + len(part), len(requests))
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(MANIFEST_COLUMNS)
        writer.writerows(rows)
    (folder / f"{generator_name}.json").write_text(card_text(card), encoding="utf-8")


@dataclass(frozen=True)
class SyntheticMass:
    """A mass with its pixels.

    Attributes:
        id: Class, seed and truncation.
        image: (H, W) uint8, as generated.
    """

    id: MassId
    image: np.ndarray

    @property
    def stem(self) -> str:
        """The name of its file without suffix."""
        return f"{self.id.name}_{self.id.class_name}"


def png_zip(masses: Sequence[SyntheticMass], card: GeneratorCard, generator_name: str) -> bytes:
    """Packs a PNG of each mass, manifest.csv, the generator's card and a README into a ZIP file.

    Unpacked, it reads back as a cohort of synthetic masses. The same masses give the same bytes.

    Raises:
        InvalidRequestError: If there is no mass, or one twice.
    """
    return pack(masses, card, generator_name, ".png", lambda mass: _png(mass.image))


def pack(
    masses: Sequence[SyntheticMass],
    card: GeneratorCard,
    generator_name: str,
    suffix: str,
    encode: Callable[[SyntheticMass], bytes],
) -> bytes:
    """Packs masses in any format into a ZIP file; see `png_zip` for what else is in it."""
    validate.at_least(1, count=len(masses))
    if len({mass.stem for mass in masses}) != len(masses):
        raise InvalidRequestError(
            "Expected every mass once; got some twice. Leave the repeated ones out."
        )
    manifest = io.StringIO(newline="")
    writer = csv.writer(manifest, lineterminator="\n")
    writer.writerow([*MANIFEST_COLUMNS, "seed", "truncation"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for mass in masses:
            name, content = mass.stem + suffix, encode(mass)
            _add(archive, name, content)
            facts = [
                name,
                file_hash(content),
                mass.id.class_name,
                mass.id.name,
                card.sha256,
                card.guarantee_text,
            ]
            writer.writerow([*facts, mass.id.seed, mass.id.truncation])
        _add(archive, MANIFEST, manifest.getvalue().encode())
        _add(archive, f"{generator_name}.json", card_text(card).encode())
        _add(archive, README, _readme(card, generator_name).encode())
    return packed.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Adds a file without a time, so that the same masses give the same archive."""
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def _readme(card: GeneratorCard, generator_name: str) -> str:
    return (
        "Synthetic breast masses. Research use only, not for diagnosis.\n\n"
        "No image here shows a patient. They were sampled from a generator.\n"
        f"{card.provenance}\n\n"
        f"Generator: {generator_name}, sha256 {card.sha256}; see {generator_name}.json.\n"
        f"Licence of its training data: {card.licence}.\n"
        f"{MANIFEST} says which generator, class and seed each file is of. Pixels are unchanged, without any window.\n"
    )
