"""Reads one mammogram from DICOM. Of its header only what identifies nobody is taken, see `dicom_facts`."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.decoding import decoded
from mammo_core.ingestion.images.dicom_facts import (
    IMAGES,
    MODALITIES,
    cautions,
    facts,
    spacing_mm,
    text,
)
from mammo_core.ingestion.images.display import grey_table
from mammo_core.ingestion.images.grey import Coding, GreyImage
from mammo_core.ingestion.images.in_place import PixelsInPlace, header_in_place
from mammo_core.ingestion.images.limits import MAX_FILE_BYTES, MAX_PIXELS, refusing_damage

_META_BYTES = 4096  # within which the transfer syntax is found
_GROUP_LENGTH = 140  # where the length of the meta information stands, counted from behind itself
_NATIVE: dict[
    tuple[bool | None, bool | None], UID
] = {  # by (implicit, little endian), where the file names no transfer syntax
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}


def read_dicom(source: Path | bytes, name: str) -> GreyImage:
    """Reads one image; `name` is what messages call it.

    Raises:
        IngestionError: If it is damaged, no single grey image, or of a kind that is not read.
    """
    with refusing_damage(name, "an undamaged DICOM image"):
        found = header_in_place(source) if isinstance(source, Path) else None
        data, place = found or (parse_dicom(source, name), None)
        _check_kind(data, name)
        if place is None and "PixelData" not in data:
            raise IngestionError(
                f"Expected an image; {name} has no pixels. Export it again with its pixel data."
            )
        stored, coding = _pixels(data, place, name)
        table, warnings = grey_table(data, stored, coding)
        return GreyImage(
            stored=stored,
            table=table,
            coding=coding,
            kind="dicom",
            spacing_mm=spacing_mm(data),
            patient_id=text(data, "PatientID"),
            image_id=text(data, "SOPInstanceUID"),
            facts=facts(data, coding),
            warnings=(*warnings, *cautions(data)),
        )


def parse_dicom(source: Path | bytes, name: str) -> Dataset:
    """Parses header and pixel data, undecoded. Errors are the parser's; see `refusing_damage`."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        if DeflatedExplicitVRLittleEndian.encode() in file.read(_META_BYTES):
            return _inflated(file, name)
        file.seek(0)
        data = pydicom.dcmread(file, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = _NATIVE[data.original_encoding]
    return data


def _inflated(file: BinaryIO, name: str) -> Dataset:
    """Inflates a deflated data set, up to the size that a file may have."""
    file.seek(_GROUP_LENGTH)
    (length,) = struct.unpack("<L", file.read(4))
    file.seek(_GROUP_LENGTH + 4 + length)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflate.decompress(file.read(), MAX_FILE_BYTES)
    if inflate.unconsumed_tail:
        raise IngestionError(
            f"Expected a file that unpacks to at most {MAX_FILE_BYTES >> 20} MB; {name} unpacks to more. "
            "Export it uncompressed."
        )
    data = FileDataset(file, read_dataset(io.BytesIO(content), False, True), is_implicit_VR=False)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return data


def _check_kind(data: Dataset, name: str) -> None:
    kind = UID(text(data, "SOPClassUID"))
    if kind and kind not in IMAGES:
        called = kind.name if kind.name != kind else "of another kind"
        raise IngestionError(
            f"Expected a mammogram (MG, DX, CR or secondary capture); {name} is {called}. Leave it out."
        )
    if not kind and text(data, "Modality") not in MODALITIES:
        raise IngestionError(
            f"Expected a mammogram; {name} does not say what it is. Export it again with its SOP class."
        )
    if int(data.get("NumberOfFrames") or 1) > 1:
        raise IngestionError(
            f"Expected one image; {name} has several frames, as tomosynthesis does. Export the 2D image."
        )


def _pixels(data: Dataset, place: PixelsInPlace | None, name: str) -> tuple[np.ndarray, Coding]:
    rows, columns = int(data.Rows), int(data.Columns)
    bits, stored_bits = int(data.BitsAllocated), int(data.BitsStored)
    samples = int(data.get("SamplesPerPixel") or 1)
    photometric = text(data, "PhotometricInterpretation") or "MONOCHROME2"
    if not 0 < rows * columns <= MAX_PIXELS:
        raise IngestionError(
            f"Expected 1 to {MAX_PIXELS:,} pixels; {name} says it has {columns}×{rows}. "
            "Cut it or export it smaller."
        )
    if bits not in (1, 8, 16) or not 0 < stored_bits <= bits:
        raise IngestionError(
            f"Expected 8 to 16 bits per pixel; {name} says {stored_bits} of {bits}. Export it with 16 bits."
        )
    if samples not in (1, 3) or (samples == 1 and not photometric.startswith("MONOCHROME")):
        raise IngestionError(
            f"Expected a grey image; {name} is stored as a colour table. Export it as greyscale."
        )
    pixels, used_bits = decoded(data, place, name)
    if samples == 3:
        pixels = _grey_channel(pixels, name)
    coding = Coding(
        bits=used_bits,
        signed=int(data.get("PixelRepresentation") or 0) == 1,
        inverted=photometric == "MONOCHROME1",
    )
    return pixels, coding


def _grey_channel(pixels: np.ndarray, name: str) -> np.ndarray:
    if (pixels == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., 0])
    raise IngestionError(f"Expected a grey image; {name} shows colour. Export it as greyscale.")
