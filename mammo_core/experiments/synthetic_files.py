"""Writes synthetic masses as PNG files with a manifest, in the layout that reads back as a cohort."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import nn

from mammo_core import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.checkpoints import GeneratorCard
from mammo_core.synthesis.sampling import Origin, draw_masses

_BATCH = 64
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class Drawing:
    """One mass to draw.

    Attributes:
        name: Of the file, without class and suffix; different for masses of one class.
        label: BENIGN or MALIGNANT.
        origin: What it is drawn from.
    """

    name: str
    label: int
    origin: Origin


def write_masses(
    generator: nn.Module,
    card: GeneratorCard,
    drawings: Sequence[Drawing],
    folder: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draws masses and writes `NAME_CLASS.png` for each, then manifest.csv.

    Raises:
        InvalidRequestError: If the folder holds something already, or there is nothing to draw.
    """
    validate.at_least(1, count=len(drawings))
    if folder.exists() and any(folder.iterdir()):
        raise InvalidRequestError(
            f"Expected a new or empty folder; {folder} holds files already. Choose another --out; "
            "nothing was written."
        )
    rows = []
    for start in range(0, len(drawings), _BATCH):
        part = drawings[start : start + _BATCH]
        masses = draw_masses(
            generator, [item.label for item in part], [item.origin for item in part]
        ).numpy()
        folder.mkdir(parents=True, exist_ok=True)
        for mass, item in zip(masses, part, strict=True):
            kind = CLASS_NAMES[item.label]
            name = f"{item.name}_{kind}.png"
            Image.fromarray(mass).save(folder / name)
            rows.append([name, kind, item.name, card.sha256, card.promise])
        if on_progress:
            on_progress(start + len(part), len(drawings))
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "class", "origin", "generator_sha256", "generator_guarantee"])
        writer.writerows(rows)
