"""Draws the built-in demo cohort and computes its features: models/demo, which ships.

    python -m tools.make_demo [GENERATOR]

Each patient has a class and one to three masses that look alike: their latents have half of their variance in common.
The second site shows the same kind of masses with less contrast and more grain, as another scanner would.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from mammo_core.classifiers.features import SHIPPED_FEATURES, FeatureStore
from mammo_core.classifiers.textures import texture_images
from mammo_core.cohorts.demo import COLUMNS, DEMO_FOLDER, DEMO_GENERATOR, EXTERNAL, mosaic
from mammo_core.cohorts.sampled import alternating_labels
from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.sampling import (
    MassGenerator,
    Origin,
    generate_masses,
    origin_of_seed,
    sample_masses,
)
from mammo_core.system.paths import models_dir
from pages.ui.state.resources import DEMO_BACKBONE

_PARTS = (  # site, split, patients
    ("demo", "train", 120),
    ("demo", "val", 30),
    ("demo", "test", 60),
    (EXTERNAL, "test", 60),
)
_MASSES_OF_A_PATIENT = (1, 2, 3)
_MALIGNANT_SHARE = 0.45
_LIKENESS = 0.5  # share of the latents' variance that a patient's masses have in common
_CONTRAST, _GRAIN = 0.75, 4.0  # of the second site
_SYNTHETIC = 160
_SYNTHETIC_SEED = 1_000_000  # beyond every seed of a demo patient


def main(name: str) -> None:
    """Writes the masses, their list and their features."""
    generator, _ = load_generator(models_dir() / name)
    drawn = [_draw_part(generator, *part) for part in _PARTS]
    drawn.append(_draw_synthetic(generator))
    images = np.concatenate([part for part, _ in drawn])
    DEMO_FOLDER.mkdir(exist_ok=True)
    mosaic(images).save(DEMO_FOLDER / "masses.png", optimize=True)
    pd.concat([rows for _, rows in drawn])[list(COLUMNS)].to_csv(
        DEMO_FOLDER / "masses.csv", index=False
    )
    for old in SHIPPED_FEATURES.glob("*/*"):
        old.unlink()
    FeatureStore(SHIPPED_FEATURES).features(
        np.concatenate([images, texture_images()]), DEMO_BACKBONE
    )


def _draw_part(
    generator: MassGenerator, site: str, split: str, patients: int
) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng([0, *f"{site} {split}".encode()])
    rows, labels, origins = [], [], []
    for patient in range(patients):
        label = int(rng.random() < _MALIGNANT_SHARE)
        common, *own = rng.integers(_SYNTHETIC_SEED, size=1 + rng.choice(_MASSES_OF_A_PATIENT))
        for number in own:
            labels.append(label)
            origins.append(
                _alike(
                    origin_of_seed(generator, int(common)), origin_of_seed(generator, int(number))
                )
            )
            rows.append((f"{site}-{split}-{patient}", CLASS_NAMES[label], site, split, "real"))
    images = generate_masses(generator, labels, origins).numpy()
    if site == EXTERNAL:
        images = _as_another_scanner(images, rng)
    return images, pd.DataFrame(rows, columns=list(COLUMNS))


def _draw_synthetic(generator: MassGenerator) -> tuple[np.ndarray, pd.DataFrame]:
    labels, seeds = (
        alternating_labels(_SYNTHETIC),
        range(_SYNTHETIC_SEED, _SYNTHETIC_SEED + _SYNTHETIC),
    )
    rows = [
        (f"seed{seed}", CLASS_NAMES[label], "generator", "train", "synthetic")
        for seed, label in zip(seeds, labels, strict=True)
    ]
    return sample_masses(generator, labels, seeds).numpy(), pd.DataFrame(
        rows, columns=list(COLUMNS)
    )


def _alike(common: Origin, own: Origin) -> Origin:
    return Origin(_LIKENESS**0.5 * common.latent + (1 - _LIKENESS) ** 0.5 * own.latent, own.noise)


def _as_another_scanner(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    grey = images.astype(np.float64)
    mean = grey.mean(axis=(1, 2), keepdims=True)
    shifted = mean + _CONTRAST * (grey - mean) + rng.normal(0, _GRAIN, grey.shape)
    return np.clip(np.round(shifted), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main(*(sys.argv[1:] or [DEMO_GENERATOR]))
