"""Reads one mammogram from DICOM. Of its header only what identifies nobody is taken, see `_facts`."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from mammo_core.errors import IntakeError
from mammo_core.intake.codestream import claimed_size
from mammo_core.intake.damage import refusing_damage
from mammo_core.intake.display import grey_table
from mammo_core.intake.grey import Coding, Picture
from mammo_core.intake.in_place import PixelsInPlace, header_in_place
from mammo_core.intake.limits import MAX_FILE_BYTES, MAX_PIXELS

_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.2": "MG",
    "1.2.840.10008.5.1.4.1.1.1.2.1": "MG",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
_FOR_PROCESSING = ("1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2.1")
_MODALITIES = ("MG", "DX", "CR", "OT", "SC")
_VIEWS = (
    *("CC", "MLO", "ML", "LM", "LMO", "XCC", "XCCL", "XCCM", "FB", "SIO", "ISO"),
    *("CV", "AT", "SPECIMEN", "TAN"),
)
_VIEW_CODES = {  # SNOMED CT and its older codes, DICOM PS3.16 CID 4014
    **dict.fromkeys(("399162004", "R-10242"), "CC"),
    **dict.fromkeys(("399368009", "R-10226"), "MLO"),
    **dict.fromkeys(("399260004", "R-10224"), "ML"),
    **dict.fromkeys(("399352003", "R-10228"), "LM"),
    **dict.fromkeys(("399099002", "R-10230"), "LMO"),
}
_LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81")
_META_BYTES = 4096  # within which the transfer syntax is found
_GROUP_LENGTH = 140  # where the length of the meta information stands, counted from behind itself
_NATIVE = {  # by (implicit, little endian), where the file names no transfer syntax
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}
_SAME_SPACING = 0.01  # relative difference of rows and columns that still counts as square


def read_dicom(source: Path | bytes, name: str) -> Picture:
    """Reads one image; `name` is what messages call it.

    Raises:
        IntakeError: If it is damaged, no single grey image, or of a kind that is not read.
    """
    with refusing_damage(name, "an undamaged DICOM image"):
        found = header_in_place(source) if isinstance(source, Path) else None
        data, place = found or (parse_dicom(source, name), None)
        _check_kind(data, name)
        if place is None and "PixelData" not in data:
            raise IntakeError(
                f"Expected an image; {name} has no pixels. Export it again with its pixel data."
            )
        stored, coding = _pixels(data, place, name)
        table, warnings = grey_table(data, stored, coding)
        return Picture(
            stored=stored,
            table=table,
            coding=coding,
            kind="dicom",
            spacing_mm=_spacing(data),
            patient_id=_text(data, "PatientID"),
            image_id=_text(data, "SOPInstanceUID"),
            facts=_facts(data, coding),
            warnings=(*warnings, *_cautions(data)),
        )


def parse_dicom(source: Path | bytes, name: str) -> Dataset:
    """The header and the pixel data, undecoded. Errors are the parser's; see `refusing_damage`."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        if DeflatedExplicitVRLittleEndian.encode() in file.read(_META_BYTES):
            return _inflated(file, name)
        file.seek(0)
        data = pydicom.dcmread(file, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = _NATIVE[data.original_encoding]
    return data


def _inflated(file: BinaryIO, name: str) -> Dataset:
    """A deflated data set, unpacked no further than a file may be large."""
    file.seek(_GROUP_LENGTH)
    (length,) = struct.unpack("<L", file.read(4))
    file.seek(_GROUP_LENGTH + 4 + length)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflate.decompress(file.read(), MAX_FILE_BYTES)
    if inflate.unconsumed_tail:
        raise IntakeError(
            f"Expected a file that unpacks to at most {MAX_FILE_BYTES >> 20} MB; {name} unpacks to more. "
            "Export it uncompressed."
        )
    data = FileDataset(None, read_dataset(io.BytesIO(content), False, True), is_implicit_VR=False)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return data


def _check_kind(data: Dataset, name: str) -> None:
    kind = UID(_text(data, "SOPClassUID"))
    if kind and kind not in _IMAGES:
        called = kind.name if kind.name != kind else "of another kind"
        raise IntakeError(
            f"Expected a mammogram (MG, DX, CR or secondary capture); {name} is {called}. Leave it out."
        )
    if not kind and _text(data, "Modality") not in _MODALITIES:
        raise IntakeError(
            f"Expected a mammogram; {name} does not say what it is. Export it again with its SOP class."
        )
    if int(data.get("NumberOfFrames") or 1) > 1:
        raise IntakeError(
            f"Expected one image; {name} has several frames, as tomosynthesis does. Export the 2D image."
        )


def _pixels(data: Dataset, place: PixelsInPlace | None, name: str) -> tuple[np.ndarray, Coding]:
    rows, columns = int(data.Rows), int(data.Columns)
    bits, stored_bits = int(data.BitsAllocated), int(data.BitsStored)
    samples = int(data.get("SamplesPerPixel") or 1)
    photometric = _text(data, "PhotometricInterpretation") or "MONOCHROME2"
    if not 0 < rows * columns <= MAX_PIXELS:
        raise IntakeError(
            f"Expected 1 to {MAX_PIXELS:,} pixels; {name} says it has {columns}×{rows}. "
            "Cut it or export it smaller."
        )
    if bits not in (1, 8, 16) or not 0 < stored_bits <= bits:
        raise IntakeError(
            f"Expected 8 to 16 bits per pixel; {name} says {stored_bits} of {bits}. Export it with 16 bits."
        )
    if samples not in (1, 3) or (samples == 1 and not photometric.startswith("MONOCHROME")):
        raise IntakeError(
            f"Expected a grey image; {name} is stored as a colour table. Export it as greyscale."
        )
    if place is not None:
        pixels = place.mapped((rows, columns), bits)
    else:
        pixels = _decoded(data, (rows, columns), name)
    if samples == 3:
        pixels = _grey_channel(pixels, name)
    coding = Coding(
        bits=stored_bits,
        signed=int(data.get("PixelRepresentation") or 0) == 1,
        inverted=photometric == "MONOCHROME1",
    )
    return _patterns(pixels), coding


def _decoder(data: Dataset, name: str) -> Decoder:
    syntax = UID(data.file_meta.TransferSyntaxUID)
    try:
        return get_decoder(syntax)
    except NotImplementedError as error:
        raise IntakeError(
            f"Expected an uncompressed image, or JPEG, JPEG-LS, JPEG 2000 or RLE; {name} is compressed as "
            f"{syntax.name if syntax.is_transfer_syntax else 'something unknown'}. Export it uncompressed."
        ) from error


def _decoded(data: Dataset, shape: tuple[int, int], name: str) -> np.ndarray:
    decoder = _decoder(data, name)
    if decoder.is_encapsulated:
        _check_stream(data, shape, name)
    is_grey = int(data.get("SamplesPerPixel") or 1) == 1
    return decoder.as_array(data, index=0, raw=is_grey, view_only=True)[0]


def _check_stream(data: Dataset, shape: tuple[int, int], name: str) -> None:
    """Refuses compressed pixels that unpack to another size than the header says."""
    claimed = claimed_size(next(generate_frames(data.PixelData, number_of_frames=1)))
    if claimed not in (None, shape):
        raise IntakeError(
            f"Expected {shape[1]}×{shape[0]} pixels in {name}, as its header says; its compressed pixels say "
            f"{claimed[1]}×{claimed[0]}. It is damaged: export it again."
        )


def _grey_channel(pixels: np.ndarray, name: str) -> np.ndarray:
    if (pixels == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., 0])
    raise IntakeError(f"Expected a grey image; {name} shows colour. Export it as greyscale.")


def _patterns(pixels: np.ndarray) -> np.ndarray:
    """The bit patterns (H, W) uint8 or uint16 of the machine's byte order."""
    native = pixels if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("="))
    return native.view(f"u{native.dtype.itemsize}")


def _spacing(data: Dataset) -> float | None:
    for keyword, factor in (("PixelSpacing", 1.0), ("ImagerPixelSpacing", _magnification(data))):
        try:
            down, across = (float(number) for number in data.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if down > 0 and math.isfinite(down) and abs(down - across) <= _SAME_SPACING * down:
            return down / factor
    return None


def _magnification(data: Dataset) -> float:
    """How much larger the detector sees the breast; 1 if not said."""
    try:
        factor = float(data.get("EstimatedRadiographicMagnificationFactor") or 1)
    except (TypeError, ValueError):
        return 1.0
    return factor if math.isfinite(factor) and factor > 0 else 1.0


def _text(data: Dataset, keyword: str) -> str:
    return str(data.get(keyword) or "").strip(" \0")


def _facts(data: Dataset, coding: Coding) -> dict[str, str]:
    """Whitelisted elements, and of these only values from fixed vocabularies: free text cannot slip through."""
    laterality = _text(data, "ImageLaterality") or _text(data, "Laterality")
    syntax = UID(data.file_meta.TransferSyntaxUID)
    found = {
        "modality": _one_of(_MODALITIES, _text(data, "Modality")),
        "laterality": _one_of(("L", "R", "B", "U"), laterality),
        "view": _one_of(_VIEWS, _text(data, "ViewPosition").upper()) or _coded_view(data),
        "bits": str(coding.bits),
        "photometric": "MONOCHROME1" if coding.inverted else "MONOCHROME2",
        "transfer_syntax": syntax.name if syntax.is_transfer_syntax else "",
        "intent": _one_of(
            ("FOR PRESENTATION", "FOR PROCESSING"), _text(data, "PresentationIntentType")
        ),
    }
    return {name: value for name, value in found.items() if value}


def _coded_view(data: Dataset) -> str:
    codes = [_text(item, "CodeValue") for item in data.get("ViewCodeSequence") or []]
    return next((_VIEW_CODES[code] for code in codes if code in _VIEW_CODES), "")


def _one_of(known: tuple[str, ...], value: str) -> str:
    return value if value in known else ""


def _cautions(data: Dataset) -> list[str]:
    found = []
    burned_in = _text(data, "BurnedInAnnotation").upper()
    captured = _IMAGES.get(_text(data, "SOPClassUID")) == "SC"
    if burned_in == "YES":
        found.append(
            "The file says that text is burned into its pixels: check it for names before use."
        )
    elif burned_in != "NO" and captured:
        found.append(
            "A secondary capture that does not rule out text burned into its pixels: check it for names."
        )
    if (
        _text(data, "SOPClassUID") in _FOR_PROCESSING
        or _text(data, "PresentationIntentType") == "FOR PROCESSING"
    ):
        found.append("A raw image (for processing): its grey is not what radiologists look at.")
    if (
        _text(data, "LossyImageCompression") == "01"
        or str(data.file_meta.TransferSyntaxUID) in _LOSSY
    ):
        found.append("The image was compressed with loss: fine detail may be missing or made up.")
    return found
