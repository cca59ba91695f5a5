"""Samples a built-in demo cohort from the shipped generator, for those who have no data yet.

Its masses are **synthetic**, and so are its patients: what is measured on them says nothing about real
ones. They let every page and command work at once. Malignant and benign masses are moved apart in the
latent space, or there would be little to learn from so few. The second site shows the same kind of masses with
less contrast and more grain, as another scanner would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch import Tensor

from mammo_core.cohorts.cohort import Cohort, Source, join
from mammo_core.cohorts.sampled import sample_cohort
from mammo_core.labels import MALIGNANT
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.sampling import (
    MassGenerator,
    Origin,
    class_direction,
    generate_masses,
    origin_of_seed,
)
from mammo_core.system.paths import DEFAULT_GENERATOR, models_dir

EXTERNAL = "demo-external"
Progress = Callable[[int, int], None]
_PARTS = (  # site, split, patients
    ("demo", "train", 120),
    ("demo", "val", 30),
    ("demo", "test", 60),
    (EXTERNAL, "test", 60),
)
_MASSES_OF_A_PATIENT = (1, 2, 3)
_MALIGNANT_SHARE = 0.45
_LIKENESS = 0.5  # share of the latents' variance that a patient's masses have in common
_CLASS_SHIFT = 0.8  # of latents, in standard deviations, towards the own class
_EXTERNAL_CONTRAST, _EXTERNAL_GRAIN = 0.75, 4.0
DEMO_SYNTHETIC = 160
_SYNTHETIC_SEED = 1_000_000  # beyond every seed of a demo patient


def demo_cohort(seed: int = 0, *, on_progress: Progress | None = None) -> Cohort:
    """Samples a cohort with train, val and test patients at one site and test patients at a second one.

    Args:
        seed: Non-negative; the same seed gives the same cohort.
        on_progress: Called with (masses done, masses to do), for each part from the start.

    Raises:
        CheckpointError: If the shipped generator is missing or damaged.
    """
    if any(sampled_seed != seed for sampled_seed, *_ in _sampled):
        _sampled.clear()
    return join([_sampled_part(seed, *part, on_progress) for part in _PARTS])


def demo_training_patients() -> np.ndarray:
    """Lists the patient of each mass of the train split, (N,) str, without sampling any mass."""
    return np.array(_plan_part(0, *_PARTS[0]).names)


@lru_cache(maxsize=4)
def demo_synthetic(count: int = DEMO_SYNTHETIC) -> Cohort:
    """Samples synthetic masses from the same generator and other seeds, half of each class."""
    return sample_cohort(_generator(), count, seed=_SYNTHETIC_SEED)


@lru_cache(maxsize=1)
def _generator() -> MassGenerator:
    generator, _ = load_generator(models_dir() / DEFAULT_GENERATOR)
    return generator


@lru_cache(maxsize=1)
def _class_direction() -> Tensor:
    return class_direction(_generator())


@dataclass(frozen=True)
class _PartPlan:
    """The masses of a part, one entry each, and the generator that continues after them.

    Attributes:
        seeds: Of what a patient's masses have in common, and of the mass itself.
    """

    labels: list[int]
    names: list[str]
    seeds: list[tuple[int, int]]
    rng: np.random.Generator


def _plan_part(seed: int, site: str, split: str, patients: int) -> _PartPlan:
    plan = _PartPlan([], [], [], np.random.default_rng([seed, *f"{site} {split}".encode()]))
    for patient in range(patients):
        label = int(plan.rng.random() < _MALIGNANT_SHARE)
        common, *own = plan.rng.integers(
            _SYNTHETIC_SEED, size=1 + plan.rng.choice(_MASSES_OF_A_PATIENT)
        )
        plan.seeds.extend((int(common), int(number)) for number in own)
        plan.labels.extend([label] * len(own))
        plan.names.extend([f"{site}-{split}-{patient}"] * len(own))
    return plan


_sampled: dict[tuple[int, str, str, int], Cohort] = {}  # parts of the last seed used


def _sampled_part(
    seed: int, site: str, split: str, patients: int, on_progress: Progress | None
) -> Cohort:
    key = (seed, site, split, patients)
    if key not in _sampled:
        _sampled[key] = _sample(_plan_part(*key), site, split, on_progress)
    return _sampled[key]


def _sample(plan: _PartPlan, site: str, split: str, on_progress: Progress | None) -> Cohort:
    generator = _generator()
    origins = []
    for label, seeds in zip(plan.labels, plan.seeds, strict=True):
        shift = (_CLASS_SHIFT if label == MALIGNANT else -_CLASS_SHIFT) * _class_direction()
        common, own = (origin_of_seed(generator, number) for number in seeds)
        origins.append(_alike(common, own, shift))
    images = generate_masses(generator, plan.labels, origins, on_progress=on_progress).numpy()
    if site == EXTERNAL:
        images = _as_another_scanner(images, plan.rng)
    return _cohort(images, np.array(plan.labels), plan.names, site, split)


def _alike(common: Origin, own: Origin, shift: Tensor) -> Origin:
    latent = _LIKENESS**0.5 * common.latent + (1 - _LIKENESS) ** 0.5 * own.latent
    return Origin(latent + shift, own.noise)


def _as_another_scanner(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    grey = images.astype(np.float64)
    mean = grey.mean(axis=(1, 2), keepdims=True)
    shifted = mean + _EXTERNAL_CONTRAST * (grey - mean) + rng.normal(0, _EXTERNAL_GRAIN, grey.shape)
    return np.clip(np.round(shifted), 0, 255).astype(np.uint8)


def _cohort(
    images: np.ndarray, labels: np.ndarray, names: list[str], site: str, split: str
) -> Cohort:
    count = len(labels)
    source: Source = "real"  # it stands in for real masses
    return Cohort(
        images=images,
        labels=labels.astype(np.int64),
        patient_ids=np.array(names),
        image_ids=np.array([f"{name}-{i}" for i, name in enumerate(names)]),
        mass_ids=np.array([str(i) for i in range(count)]),
        sites=np.full(count, site),
        splits=np.full(count, split),
        source=source,
    )
