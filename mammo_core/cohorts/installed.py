"""Which cohorts this computer has: real ones and synthetic ones found in a folder, and the built-in demo."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.folders import (
    SkippedFile,
    looks_real,
    looks_synthetic,
    read_real,
    read_synthetic,
)

DEMO = "demo"
PUBLISHED_SYNTHETIC = Path("extension/synthetic_data/cbis-ddsm/c-dcgan")  # in RichardObi/mammo_dp


@dataclass(frozen=True)
class DataSource:
    """Where real and synthetic masses come from; both None means the built-in demo."""

    real: Path | None = None
    synthetic: Path | None = None

    @property
    def is_demo(self) -> bool:
        """Whether real masses are played by synthetic ones of the shipped generator."""
        return self.real is None

    @property
    def name(self) -> str:
        """A short name to show."""
        return "built-in demo" if self.real is None else self.real.name


@dataclass(frozen=True)
class LoadedData:
    """Cohorts in memory and the files that were left out."""

    real: Cohort
    synthetic: Cohort | None
    skipped: list[SkippedFile]


def find_sources(folder: Path) -> list[DataSource]:
    """Real cohorts in a folder or one or two levels below, each with the first synthetic set found there.

    The demo is always last, so the list is never empty.
    """
    folders = list(_folders(folder, depth=2))
    published = [path / PUBLISHED_SYNTHETIC for path in folders]
    synthetic = next(
        (path for path in [*published, *folders] if path.is_dir() and looks_synthetic(path)), None
    )
    real = [path for path in folders if looks_real(path)]
    return [DataSource(path, synthetic) for path in real] + [DataSource()]


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """The folder and those below it, down to a depth, hidden ones left out."""
    if not folder.is_dir():
        return
    yield folder
    if depth:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
        for name in sorted(name for name in names if not name.startswith(".")):
            yield from _folders(folder / name, depth - 1)


def load_source(
    source: DataSource, *, on_progress: Callable[[int, int], None] | None = None
) -> LoadedData:
    """Reads, or draws, the masses of a source.

    Args:
        on_progress: Called with (masses drawn, masses to draw) while the demo is drawn, part by part.

    Raises:
        CohortError: If a folder is missing or holds nothing readable.
    """
    if source.real is None:
        from mammo_core.cohorts import demo  # brings torch

        return LoadedData(demo.demo_cohort(on_progress=on_progress), demo.demo_synthetic(), [])
    real = read_real(source.real)
    if source.synthetic is None:
        return LoadedData(real.cohort, None, real.skipped)
    synthetic = read_synthetic(source.synthetic)
    return LoadedData(real.cohort, synthetic.cohort, real.skipped + synthetic.skipped)


def count_training_units(source: DataSource) -> dict[str, int]:
    """How many patients, masses and synthetic masses there are to train on: "patient", "image", "synthetic".

    Reads a folder's masses; of the demo it draws none.

    Raises:
        CohortError: As `load_source`, or if no site has a train split.
    """
    if source.is_demo:
        from mammo_core.cohorts import demo

        return demo.demo_training_units() | {"synthetic": demo.DEMO_SYNTHETIC}
    data = load_source(source)
    train = data.real.select(site=data.real.training_site(None), split="train")
    synthetic = 0 if data.synthetic is None else len(data.synthetic)
    return {"patient": train.num_patients, "image": len(train), "synthetic": synthetic}
