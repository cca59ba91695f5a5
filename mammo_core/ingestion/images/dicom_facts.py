"""Takes from a DICOM header what identifies nobody, and cautions on how far to trust the image."""

from __future__ import annotations

import math

from pydicom.dataset import Dataset
from pydicom.uid import UID

from mammo_core.ingestion.images.grey import Coding

IMAGES = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.2": "MG",
    "1.2.840.10008.5.1.4.1.1.1.2.1": "MG",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
_FOR_PROCESSING = ("1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2.1")
MODALITIES = ("MG", "DX", "CR", "OT", "SC")
VIEWS = (
    *("CC", "MLO", "ML", "LM", "LMO", "XCC", "XCCL", "XCCM", "FB", "SIO", "ISO", "CV", "AT", "TAN"),
)
_VIEW_CODES = {  # SNOMED CT and its older codes, DICOM PS3.16 CID 4014
    **dict.fromkeys(("399162004", "R-10242"), "CC"),
    **dict.fromkeys(("399368009", "R-10226"), "MLO"),
    **dict.fromkeys(("399260004", "R-10224"), "ML"),
    **dict.fromkeys(("399352003", "R-10228"), "LM"),
    **dict.fromkeys(("399099002", "R-10230"), "LMO"),
    **dict.fromkeys(("399196006", "R-10244"), "FB"),
    **dict.fromkeys(("399192008", "R-1024A"), "XCCL"),
    **dict.fromkeys(("399101009", "R-1024B"), "XCCM"),
    **dict.fromkeys(("399188001", "R-102D0"), "SIO"),
    **dict.fromkeys(("441555000", "R-40AAA"), "ISO"),
}
_LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81")
_SAME_SPACING = 0.01  # relative difference of rows and columns that still counts as square


def spacing_mm(data: Dataset) -> float | None:
    """Returns the pixel spacing, in the breast where the file tells the magnification; None if not square."""
    for keyword, factor in (("PixelSpacing", 1.0), ("ImagerPixelSpacing", _magnification(data))):
        try:
            down, across = (float(number) for number in data.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if down > 0 and math.isfinite(down) and abs(down - across) <= _SAME_SPACING * down:
            return down / factor
    return None


def _magnification(data: Dataset) -> float:
    """Returns the magnification at the detector; 1 if the file does not tell it."""
    try:
        factor = float(data.get("EstimatedRadiographicMagnificationFactor") or 1)
    except (TypeError, ValueError):
        return 1.0
    return factor if math.isfinite(factor) and factor > 0 else 1.0


def text(data: Dataset, keyword: str) -> str:
    """Returns an element as text, "" if missing."""
    return str(data.get(keyword) or "").strip(" \0")


def facts(data: Dataset, coding: Coding) -> dict[str, str]:
    """Returns whitelisted elements with values from fixed vocabularies; free text cannot pass."""
    laterality = text(data, "ImageLaterality") or text(data, "Laterality")
    syntax = UID(data.file_meta.TransferSyntaxUID)
    found = {
        "modality": _one_of(MODALITIES, text(data, "Modality")),
        "laterality": _one_of(("L", "R", "B", "U"), laterality),
        "view": view(data),
        "chest_wall": _chest_wall(data),
        "bits": str(coding.bits),
        "photometric": "MONOCHROME1" if coding.inverted else "MONOCHROME2",
        "transfer_syntax": syntax.name if syntax.is_transfer_syntax else "",
        "intent": _one_of(
            ("FOR PRESENTATION", "FOR PROCESSING"), text(data, "PresentationIntentType")
        ),
    }
    return {name: value for name, value in found.items() if value}


def view(data: Dataset) -> str:
    """Returns the view, as the header's own word or its code says it; "" if neither is known."""
    said = _one_of((*VIEWS, "SPECIMEN"), text(data, "ViewPosition").upper())
    codes = [text(item, "CodeValue") for item in data.get("ViewCodeSequence") or []]
    return said or next((_VIEW_CODES[code] for code in codes if code in _VIEW_CODES), "")


def _chest_wall(data: Dataset) -> str:
    """Returns on which side of the pixels the chest wall is; "" if the header does not say where rows point."""
    first = [*(data.get("PatientOrientation") or ()), ""][0]
    return {"A": "left", "P": "right"}.get(str(first)[:1], "")


def _one_of(known: tuple[str, ...], value: str) -> str:
    return value if value in known else ""


def cautions(data: Dataset) -> list[str]:
    """Lists what a user should know about an image, one sentence each."""
    found = []
    burned_in = text(data, "BurnedInAnnotation").upper()
    captured = IMAGES.get(text(data, "SOPClassUID")) == "SC"
    if burned_in == "YES":
        found.append(
            "The file says that text is burned into its pixels: check it for names before use."
        )
    elif burned_in != "NO" and captured:
        found.append(
            "A secondary capture that does not rule out text burned into its pixels: check it for names."
        )
    if (
        text(data, "SOPClassUID") in _FOR_PROCESSING
        or text(data, "PresentationIntentType") == "FOR PROCESSING"
    ):
        found.append("A raw image (for processing): its grey is not what radiologists see.")
    if (
        text(data, "LossyImageCompression") == "01"
        or str(data.file_meta.TransferSyntaxUID) in _LOSSY
    ):
        found.append("The image was compressed with loss: fine detail may be missing or made up.")
    return found
