"""Writes synthetic masses as PNG files with a manifest, in the layout that reads back as a cohort."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from torch import nn

from mammo_core import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.checkpoints import GeneratorCard
from mammo_core.synthesis.sampling import sample_masses

_BATCH = 64
MANIFEST = "manifest.csv"


def write_masses(
    generator: nn.Module,
    card: GeneratorCard,
    labels: Sequence[int],
    seeds: Sequence[int],
    folder: Path,
    *,
    truncation: float = 1.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draws masses and writes `seedS_CLASS.png` for each, then manifest.csv.

    Raises:
        InvalidRequestError: If the folder holds something already, or a number is out of range.
    """
    validate.at_least(1, count=len(labels))
    if folder.exists() and any(folder.iterdir()):
        raise InvalidRequestError(
            f"Expected a new or empty folder; {folder} holds files already. Choose another --out; "
            "nothing was written."
        )
    rows = []
    for start in range(0, len(labels), _BATCH):
        part = slice(start, start + _BATCH)
        masses = sample_masses(generator, labels[part], seeds[part], truncation=truncation).numpy()
        folder.mkdir(parents=True, exist_ok=True)
        for mass, label, seed in zip(masses, labels[part], seeds[part], strict=True):
            name = f"seed{seed}_{CLASS_NAMES[label]}.png"
            Image.fromarray(mass).save(folder / name)
            rows.append([name, CLASS_NAMES[label], seed, truncation, card.sha256, card.guarantee])
        if on_progress:
            on_progress(start + len(masses), len(labels))
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["file", "class", "seed", "truncation", "generator_sha256", "generator_guarantee"]
        )
        writer.writerows(rows)
