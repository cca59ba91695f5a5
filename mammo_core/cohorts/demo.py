"""A built-in cohort for those who have no data yet: drawn from the shipped generator, no image files.

Its masses are **synthetic**, and so are its patients: what is measured on them says nothing about real
ones. They let every page and command work at once. Malignant and benign masses are moved apart in the
latent space, or there would be little to learn from so few. The second site shows the same kind of masses with
less contrast and more grain, as another scanner would.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from torch import Tensor, nn

from mammo_core.cohorts.cohort import Cohort, Source, join
from mammo_core.cohorts.drawn import draw_cohort
from mammo_core.labels import MALIGNANT
from mammo_core.settings import DEFAULT_GENERATOR, models_dir
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.sampling import Origin, class_direction, draw_masses, origin_of_seed

EXTERNAL = "demo-external"
_PARTS = (  # site, split, patients
    ("demo", "train", 120),
    ("demo", "val", 30),
    ("demo", "test", 60),
    (EXTERNAL, "test", 60),
)
_MASSES_OF_A_PATIENT = (1, 2, 3)
_MALIGNANT_SHARE = 0.45
_LIKENESS = (
    0.5  # of a patient's masses: the share of the latents' variance that they have in common
)
_CLASS_SHIFT = 0.8  # of latents, in standard deviations, towards the look of the own class
_EXTERNAL_CONTRAST, _EXTERNAL_GRAIN = 0.75, 4.0
_SYNTHETIC_SEED = 1_000_000  # beyond every seed of a demo patient


def demo_cohort(seed: int = 0) -> Cohort:
    """A cohort with train, val and test patients at one site and test patients at a second one.

    Args:
        seed: Non-negative; the same seed draws the same cohort.

    Raises:
        CheckpointError: If the shipped generator is missing or damaged.
    """
    return join([_draw_part(seed, *part) for part in _PARTS])


@lru_cache(maxsize=4)
def demo_synthetic(count: int = 160, seed: int = 0) -> Cohort:
    """Synthetic masses from the same generator and other seeds, half of each class."""
    return draw_cohort(_generator(), count, seed=_SYNTHETIC_SEED + seed)


@lru_cache(maxsize=1)
def _generator() -> nn.Module:
    generator, _ = load_generator(models_dir() / DEFAULT_GENERATOR)
    return generator


@lru_cache(maxsize=1)
def _class_direction() -> Tensor:
    return class_direction(_generator())


@lru_cache(maxsize=2 * len(_PARTS))
def _draw_part(seed: int, site: str, split: str, patients: int) -> Cohort:
    rng = np.random.default_rng([seed, *f"{site} {split}".encode()])
    generator = _generator()
    labels: list[int] = []
    names: list[str] = []
    origins: list[Origin] = []
    for patient in range(patients):
        label = int(rng.random() < _MALIGNANT_SHARE)
        common, *own = (
            origin_of_seed(generator, int(number))
            for number in rng.integers(_SYNTHETIC_SEED, size=1 + rng.choice(_MASSES_OF_A_PATIENT))
        )
        shift = (_CLASS_SHIFT if label == MALIGNANT else -_CLASS_SHIFT) * _class_direction()
        origins += [_alike(common, origin, shift) for origin in own]
        labels += [label] * len(own)
        names += [f"{site}-{split}-{patient}"] * len(own)
    images = draw_masses(generator, labels, origins).numpy()
    if site == EXTERNAL:
        images = _as_another_scanner(images, rng)
    return _cohort(images, np.array(labels), names, site, split)


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
    source: Source = "real"  # it plays that part
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
