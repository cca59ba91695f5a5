"""Boxes around marked regions: of a mask image, or of a DICOM segmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from mammo_core.errors import IntakeError
from mammo_core.intake.grey import Box

_NEAR = np.ones((3, 3), dtype=bool)  # touching at a corner counts


def boxes_from_mask(mask: np.ndarray, *, min_px: int = 16, join_px: int = 0) -> list[Box]:
    """A box around every connected region of a mask (H, W), the largest region first.

    Args:
        mask: Nonzero where marked.
        min_px: Regions of fewer pixels are dust and left out.
        join_px: Regions at most this far apart count as one; the box is that of both.
    """
    marked = np.asarray(mask) != 0
    if not marked.any():
        return []
    around = _extent(marked)
    inner = marked[around]
    reach = (join_px + 1) // 2
    near = np.pad(inner, reach)
    if reach:
        near = ndimage.maximum_filter(near, size=2 * reach + 1)
    labels, _ = ndimage.label(near, structure=_NEAR)
    labels = labels[reach : reach + inner.shape[0], reach : reach + inner.shape[1]] * inner
    sizes = np.bincount(labels.ravel())
    found = [
        (sizes[number], _box(rows, columns, around))
        for number, slices in enumerate(ndimage.find_objects(labels), start=1)
        if slices is not None and sizes[number] >= min_px
        for rows, columns in [slices]
    ]
    return [box for _, box in sorted(found, key=lambda pair: -pair[0])]


def boxes_from_segmentation(path: Path) -> dict[str, list[Box]]:
    """Boxes of a DICOM segmentation by the SOP Instance UID of the image they lie on.

    Raises:
        IntakeError: If it is damaged, no segmentation, or does not say which image a frame belongs to.
    """
    raise IntakeError("Segmentations are not read yet.")


def _extent(marked: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that hold everything marked."""
    rows = np.flatnonzero(marked.any(axis=1))
    columns = np.flatnonzero(marked.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _box(rows: slice, columns: slice, around: tuple[slice, slice]) -> Box:
    return Box(
        top=int(around[0].start + rows.start),
        left=int(around[1].start + columns.start),
        height=rows.stop - rows.start,
        width=columns.stop - columns.start,
    )
