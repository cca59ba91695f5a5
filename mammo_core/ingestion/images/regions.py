"""Finds boxes around marked regions of a mask image or a DICOM segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import SegmentationStorage
from scipy import ndimage

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.dicom_file import parse_dicom
from mammo_core.ingestion.images.grey import Box
from mammo_core.ingestion.images.limits import MAX_PIXELS, refusing_damage

_MAX_FRAMES = 1000
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


def boxes_from_segmentation(path: Path, *, min_px: int = 16) -> dict[str, list[Box]]:
    """Finds boxes of a DICOM segmentation, by the SOP Instance UID of the image they lie on.

    A frame of two kinds of tissue, or of one in two places, gives several boxes. A probability counts from a half.

    Raises:
        IngestionError: If it is damaged, no segmentation, too large, or does not say which image a frame is of.

    Source: DICOM PS3.3 A.51 (Segmentation), C.7.6.16.2.6 (Derivation Image).
    """
    with refusing_damage(path.name, "an undamaged DICOM segmentation"):
        data = parse_dicom(path, path.name)
        num_frames = _check_segmentation(data, path.name)
        decoder = get_decoder(data.file_meta.TransferSyntaxUID)
        least = (int(data.get("MaximumFractionalValue") or 1) + 1) // 2
        found: dict[str, list[Box]] = {}
        for index in range(num_frames):
            image_id = _image_of_frame(data, index)
            if not image_id:
                raise IngestionError(
                    f"Expected every frame of {path.name} to name its image; frame {index + 1} does not. "
                    "Give the boxes as a table instead."
                )
            frame, _ = decoder.as_array(data, index=index, raw=True)
            found.setdefault(image_id, []).extend(boxes_from_mask(frame >= least, min_px=min_px))
        return found


def _check_segmentation(data: Dataset, name: str) -> int:
    """Checks a segmentation and returns its number of frames."""
    if data.get("SOPClassUID") != SegmentationStorage:
        raise IngestionError(f"Expected a DICOM segmentation (SEG); {name} is none. Leave it out.")
    num_frames = int(data.get("NumberOfFrames") or 1)
    if num_frames > _MAX_FRAMES or not 0 < int(data.Rows) * int(data.Columns) <= MAX_PIXELS:
        raise IngestionError(
            f"Expected at most {_MAX_FRAMES} frames of {MAX_PIXELS:,} pixels; {name} has {num_frames} of "
            f"{data.Columns}×{data.Rows}. Export a segmentation per image."
        )
    return num_frames


def _image_of_frame(data: Dataset, index: int) -> str:
    """Returns the SOP Instance UID that a frame is derived from; "" if the file does not tell it."""
    frames = data.get("PerFrameFunctionalGroupsSequence") or []
    groups = [frames[index]] if index < len(frames) else []
    groups += data.get("SharedFunctionalGroupsSequence") or []
    sources = [
        source
        for group in groups
        for derivation in group.get("DerivationImageSequence") or []
        for source in derivation.get("SourceImageSequence") or []
    ]
    if not sources:  # one image for all frames
        instances = [
            instance
            for series in data.get("ReferencedSeriesSequence") or []
            for instance in series.get("ReferencedInstanceSequence") or []
        ]
        sources = instances if len(instances) == 1 else []
    return str(sources[0].get("ReferencedSOPInstanceUID", "")) if sources else ""


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
