"""A built-in cohort for those who have no data yet: masses drawn by a formula from a seed, no image files.

These are **not mammograms** and say nothing about patients. They let every page and command work at
once. Malignant masses are drawn, on average, more irregular, spiculated and blurred in outline than
benign ones (the signs of the BI-RADS lexicon), with enough overlap that telling them apart stays hard.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from mammo_core.cohorts.cohort import Cohort, Source, join
from mammo_core.labels import MALIGNANT

IMAGE_SIZE_PX = 128
_PARTS = (  # site, split, patients
    ("demo", "train", 150),
    ("demo", "val", 30),
    ("demo", "test", 70),
    ("demo-external", "test", 70),
)


def demo_cohort(seed: int = 0) -> Cohort:
    """A cohort with train, val and test patients at one site and test patients at a second one.

    Args:
        seed: Non-negative; the same seed draws the same cohort.
    """
    rng = np.random.default_rng([seed, 1])
    return join([_draw_part(rng, site, split, patients) for site, split, patients in _PARTS])


def demo_synthetic(count: int = 160, seed: int = 0) -> Cohort:
    """A stand-in for generated masses: drawn by the same formula with other seeds, half of each class."""
    rng = np.random.default_rng([seed, 2])
    labels = np.arange(count) % 2
    images = np.stack([_draw_mass(rng, int(label), site_shift=0.0) for label in labels])
    names = [f"drawn{i}" for i in range(count)]
    return _cohort(images, labels, names, "drawn", "train", source="synthetic")


def _draw_part(rng: np.random.Generator, site: str, split: str, patients: int) -> Cohort:
    images, labels, names = [], [], []
    for patient in range(patients):
        label = int(rng.random() < 0.45)
        for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.3, 0.5, 0.1, 0.1]))):
            images.append(_draw_mass(rng, label, site_shift=float(site == "demo-external")))
            labels.append(label)
            names.append(f"{site}-{split}-{patient}")
    return _cohort(np.stack(images), np.array(labels), names, site, split, source="real")


def _cohort(
    images: np.ndarray,
    labels: np.ndarray,
    names: list[str],
    site: str,
    split: str,
    *,
    source: Source,
) -> Cohort:
    count = len(labels)
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


def _draw_mass(rng: np.random.Generator, label: int, *, site_shift: float) -> np.ndarray:
    """One image (128, 128) uint8: a bright mass on tissue-like noise."""
    malignancy = np.clip(rng.normal(0.7 if label == MALIGNANT else 0.3, 0.2), 0, 1)
    rows, columns = np.mgrid[
        -1 : 1 : IMAGE_SIZE_PX * 1j, -1 : 1 : IMAGE_SIZE_PX * 1j
    ]  # (H, W) each
    centre = rng.normal(0, 0.08, 2)
    radius = np.hypot(rows - centre[0], columns - centre[1])
    angle = np.arctan2(rows - centre[0], columns - centre[1])
    outline = rng.uniform(0.3, 0.55) * (
        1
        + sum(
            (0.04 + 0.16 * malignancy) / k * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
            for k in range(2, 7)
        )
    )
    softness = 0.03 + 0.09 * malignancy + 0.03 * rng.random()
    mass = 1 / (1 + np.exp((radius - outline) / softness))
    spikes = np.clip(np.cos(rng.integers(5, 12) * angle + rng.uniform(0, 6)), 0, 1) ** 12
    mass += 0.6 * max(malignancy - 0.35, 0) * spikes * np.exp(-radius / 0.45)
    tissue = sum(
        weight * _unit(gaussian_filter(rng.normal(size=radius.shape), sigma))
        for sigma, weight in ((9, 0.14), (3, 0.08))
    )
    contrast = rng.uniform(0.9, 1.6) * (1 - 0.25 * site_shift)
    picture = contrast * mass + tissue + rng.normal(0, 0.06 + 0.05 * site_shift, radius.shape)
    low, high = np.percentile(picture, [1, 99])
    return np.round(255 * np.clip((picture - low) / (high - low), 0, 1)).astype(np.uint8)


def _unit(field: np.ndarray) -> np.ndarray:
    return (field - field.mean()) / field.std()
