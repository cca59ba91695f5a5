"""Reads the built-in demo cohort, for those who have no data yet.

Its masses are **synthetic**, drawn by a shipped generator, and so are its patients: what is measured on them says
nothing about real ones. They let every page and command work at once. `tools/make_demo.py` has drawn them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mammo_core.cohorts.cohort import Cohort, Source
from mammo_core.cohorts.sampled import synthetic_cohort
from mammo_core.errors import CohortError
from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.system.paths import models_dir

DEMO_GENERATOR = "flow_gan"  # which drew the masses
DEMO_FOLDER = models_dir() / "demo"
EXTERNAL = "demo-external"
COLUMNS = ("patient", "class", "site", "split", "source")
MASSES_IN_A_ROW = 26


def demo_cohort() -> Cohort:
    """Reads train, val and test patients of one site, and test patients of a second one.

    Raises:
        CohortError: If the shipped files are missing or do not fit together.
    """
    images, rows = _shipped("real")
    count = len(rows)
    patients = rows["patient"].to_numpy(str)
    stands_for: Source = "real"
    return Cohort(
        images=images,
        labels=_labels(rows),
        patient_ids=patients,
        image_ids=np.array([f"{patient}-{i}" for i, patient in enumerate(patients)]),
        mass_ids=np.array([str(i) for i in range(count)]),
        sites=rows["site"].to_numpy(str),
        splits=rows["split"].to_numpy(str),
        source=stands_for,
    )


def demo_synthetic() -> Cohort:
    """Reads synthetic masses of the same generator and other seeds, half of each class; raises as `demo_cohort`."""
    images, rows = _shipped("synthetic")
    return synthetic_cohort(images, _labels(rows), rows["patient"].tolist())


def demo_training_patients() -> np.ndarray:
    """Lists the patient of each mass of the train split, (N,) str, without reading any mass."""
    rows = _rows(DEMO_FOLDER)
    return rows[(rows["split"] == "train") & (rows["source"] == "real")]["patient"].to_numpy(str)


def demo_synthetic_count() -> int:
    """Counts the synthetic masses."""
    return int((_rows(DEMO_FOLDER)["source"] == "synthetic").sum())


def _labels(rows: pd.DataFrame) -> np.ndarray:
    return np.where(rows["class"] == CLASS_NAMES[MALIGNANT], MALIGNANT, BENIGN)


def _shipped(source: Source) -> tuple[np.ndarray, pd.DataFrame]:
    rows, images = _rows(DEMO_FOLDER), _images(DEMO_FOLDER)
    if not len(images) - MASSES_IN_A_ROW < len(rows) <= len(images):
        raise CohortError(
            f"Expected the demo's masses and their list in {DEMO_FOLDER} to fit together; got {len(rows)} lines for "
            f"room for {len(images)}. Install the program anew."
        )
    is_meant = (rows["source"] == source).to_numpy()
    return images[: len(rows)][is_meant], rows[is_meant]


def mosaic(images: np.ndarray) -> Image.Image:
    """Lays masses (N, S, S) out in rows, from the top left, as `masses.png` holds them."""
    count, side, _ = images.shape
    num_rows = -(-count // MASSES_IN_A_ROW)
    board = np.zeros((num_rows * MASSES_IN_A_ROW, side, side), np.uint8)
    board[:count] = images
    board = board.reshape(num_rows, MASSES_IN_A_ROW, side, side).swapaxes(1, 2)
    return Image.fromarray(board.reshape(num_rows * side, MASSES_IN_A_ROW * side))


@lru_cache(maxsize=1)
def _rows(folder: Path) -> pd.DataFrame:
    path = folder / "masses.csv"
    try:
        return pd.read_csv(path)
    except OSError as error:
        raise CohortError(
            f"Expected the demo's list of masses in {path}; got {error}. Install the program anew."
        ) from error


@lru_cache(maxsize=1)
def _images(folder: Path) -> np.ndarray:
    """Cuts the masses out of the picture that holds them all: (N, S, S) uint8, the last ones empty."""
    path = folder / "masses.png"
    try:
        with Image.open(path) as picture:
            board = np.asarray(picture)
    except OSError as error:
        raise CohortError(
            f"Expected the demo's masses in {path}; got {error}. Install the program anew."
        ) from error
    side = board.shape[1] // MASSES_IN_A_ROW
    rows = board.reshape(-1, side, MASSES_IN_A_ROW, side).swapaxes(1, 2)
    return rows.reshape(-1, side, side)
