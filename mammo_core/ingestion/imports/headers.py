"""Reads what a file is, and whose, before its pixels are decoded. Runs in a worker of `sandbox`."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import SegmentationStorage

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.dicom_facts import text
from mammo_core.ingestion.images.formats import image_kind
from mammo_core.ingestion.images.regions import boxes_from_segmentation
from mammo_core.ingestion.imports.details import tidy_details

_TAGS = [
    *("SOPClassUID", "SOPInstanceUID", "PatientID"),
    *("ImageLaterality", "Laterality", "ViewPosition"),
]


def read_header(path: str) -> dict[str, Any]:
    """Reads a file's kind and raw identifiers, for matching in memory; they must never be written.

    Returns:
        "kind" is "dicom", "raster", "segmentation" or "other". DICOM has "uid", "patient", "side" and
        "view" ("" where not said), a segmentation "boxes": [top, left, height, width] lists by the UID of
        the image they lie on.

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
    if text(data, "SOPClassUID") == SegmentationStorage:
        boxes = {
            uid: [list(astuple(box)) for box in found]
            for uid, found in boxes_from_segmentation(Path(path)).items()
        }
        return {"kind": "segmentation", "boxes": boxes}
    side = text(data, "ImageLaterality") or text(data, "Laterality")
    details = tidy_details({"side": side, "view": text(data, "ViewPosition")})
    return {
        "kind": "dicom",
        "uid": text(data, "SOPInstanceUID"),
        "patient": text(data, "PatientID"),
        "side": details["side"],
        "view": details["view"],
    }
