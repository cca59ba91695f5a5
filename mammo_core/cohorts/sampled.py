"""Samples masses from a generator into a cohort in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mammo_core.cohorts.cohort import Cohort
from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.sampling import MassGenerator, sample_masses


def sample_cohort(
    generator: MassGenerator,
    count: int,
    *,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Cohort:
    """Samples `count` synthetic masses of seeds seed, seed + 1, …, benign and malignant in turn."""
    labels, seeds = alternating_labels(count), range(seed, seed + count)
    return synthetic_cohort(
        sample_masses(generator, labels, seeds, on_progress=on_progress).numpy(),
        np.array(labels),
        [f"seed{number}" for number in seeds],
    )


def alternating_labels(count: int) -> list[int]:
    """Returns every class in turn: half of each."""
    classes = sorted(CLASS_NAMES)
    return [classes[index % len(classes)] for index in range(count)]


def synthetic_cohort(images: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Cohort:
    """Returns a cohort of synthetic masses, (N, H, W) uint8, each a "patient" of its own."""
    count = len(labels)
    return Cohort(
        images=images,
        labels=labels.astype(np.int64),
        patient_ids=np.array(names),
        image_ids=np.array(names),
        mass_ids=np.full(count, "0"),
        sites=np.full(count, "generator"),
        splits=np.full(count, "train"),
        source="synthetic",
    )
