"""Reads DICOM segmentations: which of their segments are masses, and where those lie on which image.

Source: DICOM PS3.3 A.51 (Segmentation), C.8.20 (Segmentation modules, label maps among them), C.7.6.16.2.6
(Derivation Image); PS3.16 CID 7150 and 7151 (categories and types of segmented properties), CID 6014 (findings).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import SegmentationStorage

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.dicom_facts import text
from mammo_core.ingestion.images.dicom_file import parse_dicom
from mammo_core.ingestion.images.grey import Box
from mammo_core.ingestion.images.limits import MAX_PIXELS, refusing_damage
from mammo_core.ingestion.images.regions import boxes_from_mask

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
SEGMENTATIONS = (SegmentationStorage, LABEL_MAP)
Meaning = Literal["mass", "no abnormality", "unknown"]
_MAX_FRAMES = 1000
_MASSES = {  # SNOMED CT, its older codes, DICOM
    *("4147007", "M-03000", "129788004", "F-01791"),  # mass, mammographic breast mass
    *("111459", "111462", "111461"),  # mass with calcifications, solid mass, intracystic lesion
    *("52988006", "M-01100", "27925004", "M-03010"),  # lesion, nodule
    *("108369006", "M-8FFFF", "M-80000", "126926005"),  # neoplasm, neoplasm of breast
    *("372087000", "86049000", "M-80003", "14799000", "M-80006"),  # neoplasm, primary and secondary
    *("367643001", "399294002", "111130", "111460"),  # cysts
    *("254837009", "82711006", "89740008"),  # cancer of the breast, ductal and lobular
}
_NO_ABNORMALITY = {  # categories
    *("91723000", "123037004", "T-D000A", "T-D0005"),  # anatomical structure
    *("85756007", "T-D0050"),  # tissue
    *("260787004", "A-00004"),  # physical object
    *("309825002", "R-42018"),  # spatial and relational concept
    *("91720002", "T-D0080", "105590001", "F-61002"),  # substances
    "246464006",  # function
}
_BACKGROUND = "125040"
_ANYTHING = {
    "85756007",
    "T-D0050",
    "49755003",
    "M-01000",
}  # a category as type, as programs preset it


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One structure of a segmentation.

    Attributes:
        name: What the file calls its type; for the screen only.
        meaning: By its type, and where that is not known by its category.
        boxes: By the SOP Instance UID of the image they lie on.
    """

    name: str
    meaning: Meaning
    boxes: dict[str, list[Box]] = field(default_factory=dict)


def read_segmentation(path: Path, *, min_px: int = 16) -> list[Segment]:
    """Reads the segments of a DICOM segmentation or a label map, and a box around each of their regions.

    A frame with one segment in two places gives two boxes. A probability counts from a half.

    Raises:
        IngestionError: If it is damaged, no segmentation, too large, or does not say which image a frame is of.
    """
    with refusing_damage(path.name, "an undamaged DICOM segmentation"):
        data = parse_dicom(path, path.name)
        num_frames = _check_segmentation(data, path.name)
        described = {int(one.SegmentNumber): one for one in data.get("SegmentSequence") or []}
        decoder = get_decoder(data.file_meta.TransferSyntaxUID)
        found = {number: _segment(one) for number, one in described.items()}
        for index in range(num_frames):
            image_id = _image_of_frame(data, index)
            if not image_id:
                raise IngestionError(
                    f"Expected every frame of {path.name} to name its image; frame {index + 1} does not. "
                    "Give the boxes as a table instead."
                )
            frame, _ = decoder.as_array(data, index=index, raw=True)
            for number, marked in _segments_in(data, index, frame, described):
                segment = found.setdefault(number, Segment(name="no type", meaning="unknown"))
                boxes = boxes_from_mask(marked, min_px=min_px)
                segment.boxes.setdefault(image_id, []).extend(boxes)
        return list(found.values())


def _check_segmentation(data: Dataset, name: str) -> int:
    """Checks a segmentation and returns its number of frames."""
    if data.get("SOPClassUID") not in SEGMENTATIONS:
        raise IngestionError(f"Expected a DICOM segmentation (SEG); {name} is none. Leave it out.")
    num_frames = int(data.get("NumberOfFrames") or 1)
    if num_frames > _MAX_FRAMES or not 0 < int(data.Rows) * int(data.Columns) <= MAX_PIXELS:
        raise IngestionError(
            f"Expected at most {_MAX_FRAMES} frames of {MAX_PIXELS:,} pixels; {name} has {num_frames} of "
            f"{data.Columns}×{data.Rows}. Export a segmentation per image."
        )
    return num_frames


def _segment(described: Dataset) -> Segment:
    category, kind = (
        _code(described, f"SegmentedProperty{what}CodeSequence") for what in ("Category", "Type")
    )
    meaning: Meaning = "unknown"
    if text(kind, "CodeValue") in _MASSES:
        meaning = "mass"
    elif text(kind, "CodeValue") == _BACKGROUND or (
        text(category, "CodeValue") in _NO_ABNORMALITY and text(kind, "CodeValue") not in _ANYTHING
    ):
        meaning = "no abnormality"
    return Segment(
        name=text(kind, "CodeMeaning") or text(described, "SegmentLabel") or "no type",
        meaning=meaning,
    )


def _code(described: Dataset, keyword: str) -> Dataset:
    return next(iter(described.get(keyword) or []), Dataset())


def _segments_in(
    data: Dataset, index: int, frame: np.ndarray, described: Iterable[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields number and marked pixels (H, W) bool of each segment in a frame."""
    if data.SOPClassUID == LABEL_MAP:
        padding = data.get("PixelPaddingValue", 0)
        for number in np.unique(frame).tolist():
            if number not in (0, padding):
                yield number, frame == number
        return
    least = (int(data.get("MaximumFractionalValue") or 1) + 1) // 2
    numbers = [
        int(segment.ReferencedSegmentNumber)
        for group in _groups(data, index)
        for segment in group.get("SegmentIdentificationSequence") or []
    ]
    only = list(described) if len(list(described)) == 1 else [0]
    yield (numbers or only)[0], frame >= least


def _groups(data: Dataset, index: int) -> list[Dataset]:
    """Returns what the file says of one frame, then what it says of all."""
    frames = data.get("PerFrameFunctionalGroupsSequence") or []
    own = [frames[index]] if index < len(frames) else []
    return [*own, *(data.get("SharedFunctionalGroupsSequence") or [])]


def _image_of_frame(data: Dataset, index: int) -> str:
    """Returns the SOP Instance UID that a frame is derived from; "" if the file does not tell it."""
    sources = [
        source
        for group in _groups(data, index)
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
