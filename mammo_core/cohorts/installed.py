"""Finds and loads the cohorts of this computer: real and synthetic ones in a folder, and the demo."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mammo_core.cohorts import origins
from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.folders import (
    SkippedFile,
    looks_real,
    looks_synthetic,
    read_real,
    read_synthetic,
)
from mammo_core.privacy.statements.training_data import (
    UNKNOWN_ORIGIN,
    SyntheticOrigin,
    TrainingData,
)
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir

DEMO = "demo"
PUBLISHED_SYNTHETIC = Path("extension/synthetic_data/cbis-ddsm/c-dcgan")  # in RichardObi/mammo_dp


@dataclass(frozen=True)
class DataSource:
    """The folders of real and synthetic masses; both None means the built-in demo.

    Attributes:
        site: To train on; None for the only one that has a train split.
    """

    real: Path | None = None
    synthetic: Path | None = None
    site: str | None = None

    @property
    def is_demo(self) -> bool:
        """Whether synthetic masses of the shipped generator stand in for real ones."""
        return self.real is None

    @property
    def name(self) -> str:
        """A short name to show."""
        if self.real is None:
            return "built-in demo"
        return self.real.name if self.site is None else f"{self.real.name}, {self.site}"


@dataclass(frozen=True)
class LoadedData:
    """Cohorts in memory and the files that were left out.

    Attributes:
        origin: Of the synthetic masses.
        is_demonstration: Whether synthetic masses stand in for real ones.
    """

    real: Cohort
    synthetic: Cohort | None
    skipped: list[SkippedFile]
    origin: SyntheticOrigin = UNKNOWN_ORIGIN
    is_demonstration: bool = False


def find_sources(folder: Path) -> list[DataSource]:
    """Finds real cohorts in a folder or up to two levels below, each with the first synthetic set there.

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
    """Yields the folder and those below it, down to a depth, without hidden ones."""
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
    """Reads the masses of a source.

    Args:
        on_progress: Called with (masses done, masses to do), part by part; what it raises ends the reading.

    Raises:
        CohortError: If a folder is missing or holds nothing readable.
    """
    if source.real is None:
        from mammo_core.cohorts import demo

        return LoadedData(
            demo.demo_cohort(),
            demo.demo_synthetic(),
            [],
            origin=_demo_origin(),
            is_demonstration=True,
        )
    real = read_real(source.real, on_progress=on_progress)
    if source.synthetic is None:
        return LoadedData(real.cohort, None, real.skipped)
    synthetic = read_synthetic(source.synthetic, on_progress=on_progress)
    return LoadedData(
        real.cohort,
        synthetic.cohort,
        real.skipped + synthetic.skipped,
        origin=origins.origin_of_folder(source.synthetic),
    )


def read_training_data(
    source: DataSource, load: Callable[[DataSource], LoadedData] = load_source
) -> TrainingData:
    """Describes the training data of runs on a source, as far as a guarantee depends on it.

    Args:
        load: Reads a folder's masses; of the demo none are read.

    Raises:
        CohortError: As `load_source`, or if the site has no train split.
    """
    if source.is_demo:
        from mammo_core.cohorts import demo

        return origins.training_data(
            demo.demo_training_patients(),
            demo.demo_synthetic_count(),
            _demo_origin(),
            is_demonstration=True,
        )
    data = load(source)
    train = data.real.select(site=data.real.training_site(source.site), split="train")
    num_synthetic = 0 if data.synthetic is None else len(data.synthetic)
    return origins.training_data(train.patient_ids, num_synthetic, data.origin)


def _demo_origin() -> SyntheticOrigin:
    from mammo_core.cohorts.demo import DEMO_GENERATOR

    return origins.origin_of_card(DEMO_GENERATOR, load_card(models_dir() / DEMO_GENERATOR))
