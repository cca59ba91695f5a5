"""Finds boxes around marked regions of a mask."""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy import ndimage

from mammo_core.ingestion.images.grey import Box

_NEAR = np.ones((3, 3), dtype=bool)  # touching at a corner counts


def boxes_from_mask(mask: np.ndarray, *, min_px: int = 16, join_px: int = 0) -> list[Box]:
    """Finds a box around every connected region of a mask (H, W), the largest region first.

    Args:
        mask: Nonzero where marked.
        min_px: Regions of fewer pixels are dust and left out.
        join_px: Regions with a gap of at most this many pixels between them count as one.
    """
    marked = np.asarray(mask)
    marked = marked if marked.dtype == bool else marked != 0
    around = _extent(marked)
    if around is None:
        return []
    inner = marked[around]
    labels, count = _labelled(inner)
    if count > 1 and join_px:
        labels = _joined(inner, join_px)
    sizes = np.bincount(labels.ravel())
    found = [
        (sizes[number], _box(rows, columns, around))
        for number, slices in enumerate(ndimage.find_objects(labels), start=1)
        if slices is not None and sizes[number] >= min_px
        for rows, columns in [slices]
    ]
    return [box for _, box in sorted(found, key=lambda pair: -pair[0])]


def _joined(inner: np.ndarray, join_px: int) -> np.ndarray:
    """Labels regions as `ndimage.label` does, nearby regions under one number."""
    near = ndimage.maximum_filter(inner, size=join_px + 1)
    return _labelled(near)[0] * inner


def _labelled(marked: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers connected regions from 1 on; returns their number, too."""
    return cast(tuple[np.ndarray, int], ndimage.label(marked, structure=_NEAR))


def _extent(marked: np.ndarray) -> tuple[slice, slice] | None:
    """Returns the rows and columns that hold everything marked; None if nothing is."""
    rows = np.flatnonzero(marked.any(axis=1))
    if not len(rows):
        return None
    down = slice(rows[0], rows[-1] + 1)
    columns = np.flatnonzero(marked[down].any(axis=0))
    return down, slice(columns[0], columns[-1] + 1)


def _box(rows: slice, columns: slice, around: tuple[slice, slice]) -> Box:
    return Box(
        top=int(around[0].start + rows.start),
        left=int(around[1].start + columns.start),
        height=rows.stop - rows.start,
        width=columns.stop - columns.start,
    )
