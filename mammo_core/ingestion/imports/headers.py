"""Reads what a file is, and whose, before its pixels are decoded. Runs in a worker of `sandbox`."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import UID

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.dicom_facts import text, view
from mammo_core.ingestion.images.formats import image_kind
from mammo_core.ingestion.images.segmentation import SEGMENTATIONS, read_segmentation
from mammo_core.ingestion.imports.details import tidy_details

_TAGS = [
    *("SOPClassUID", "SOPInstanceUID", "PatientID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("ImageLaterality", "Laterality", "ViewPosition", "ViewCodeSequence"),
]
_OTHER_MARKS = (  # kinds of DICOM that mark places and are not read
    "1.2.840.10008.5.1.4.1.1.66.",  # surface segmentations and the like
    "1.2.840.10008.5.1.4.1.1.88.",  # structured reports
    "1.2.840.10008.5.1.4.1.1.11.",  # presentation states
    "1.2.840.10008.5.1.4.1.1.481.3",  # structure sets
)


def read_header(path: str) -> dict[str, Any]:
    """Reads a file's kind and raw identifiers, for matching in memory; they must never be written.

    Returns:
        "kind" is "dicom", "raster", "segmentation", "marks" (another DICOM object that marks places, of
        the "name") or "other". DICOM has "uid", "patient", "study", "series", "side" and "view" ("" where
        not said), a segmentation "segments" with "name", "meaning" and "boxes": [top, left, height, width]
        lists by the UID of the image they lie on.

    Raises:
        IngestionError: If it cannot be opened, or is a damaged segmentation.
    """
    try:
        with Path(path).open("rb") as file:
            kind = image_kind(file.read(132))
            if kind != "dicom":
                return {"kind": kind or "other"}
            file.seek(0)
            data = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS, force=True)
    except OSError as error:
        raise IngestionError(
            f"Expected a readable file; the system says: {error.strerror}. Check its permissions."
        ) from error
    except Exception as error:  # whatever the parser makes of a damaged file
        raise IngestionError(
            f"Expected an undamaged DICOM file; reading its header failed ({type(error).__name__}). "
            "Export or copy it again."
        ) from error
    kind = UID(text(data, "SOPClassUID"))
    if kind in SEGMENTATIONS:
        return {"kind": "segmentation", "segments": _segments(Path(path))}
    if kind.startswith(_OTHER_MARKS):
        return {"kind": "marks", "name": kind.name}
    side = text(data, "ImageLaterality") or text(data, "Laterality")
    details = tidy_details({"side": side, "view": view(data)})
    return {
        "kind": "dicom",
        "uid": text(data, "SOPInstanceUID"),
        "patient": text(data, "PatientID"),
        "study": text(data, "StudyInstanceUID"),
        "series": text(data, "SeriesInstanceUID"),
        "side": details["side"],
        "view": details["view"],
    }


def _segments(path: Path) -> list[dict[str, Any]]:
    return [
        {
            "name": segment.name,
            "meaning": segment.meaning,
            "boxes": {
                uid: [list(astuple(box)) for box in boxes] for uid, boxes in segment.boxes.items()
            },
        }
        for segment in read_segmentation(path)
    ]
