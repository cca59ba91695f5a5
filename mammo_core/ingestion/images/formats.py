"""Reads one image from outside: DICOM of a breast, or PNG, JPEG and TIFF, told apart by content, not by name.

A file that cannot be used ends in an IngestionError. Decoders are written in C and a hostile file can crash
them or keep them busy: what comes from strangers is read through `sandbox`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.dicom_file import read_dicom
from mammo_core.ingestion.images.grey import Box, Coding, GreyImage
from mammo_core.ingestion.images.limits import MAX_FILE_BYTES
from mammo_core.ingestion.images.raster_file import read_raster

__all__ = ["Box", "Coding", "GreyImage", "image_kind", "read_image"]

_RASTERS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_HEAD_BYTES = 132
_PREAMBLE = 128


def image_kind(head: bytes) -> Literal["dicom", "raster"] | None:
    """Tells the format from a file's first 132 bytes; None for neither. DICOM without preamble counts."""
    if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM":  # first: a TIFF header may lie in the preamble
        return "dicom"
    if head.startswith(_RASTERS):
        return "raster"
    # a bare data set opens with group 2 or 8, in either byte order
    return "dicom" if head[:2] in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08") else None


def read_image(source: Path | bytes, *, name: str = "") -> GreyImage:
    """Reads an image in this process.

    Large uncompressed DICOM given by its path is mapped into memory, not copied: the file must stay as it is
    for as long as the image is used.

    Args:
        source: A file, or its content.
        name: How messages call it; a file's own name if empty.

    Raises:
        IngestionError: If it is missing, damaged, too large, of a kind that is not read, or not grey.
    """
    name = name or (source.name if isinstance(source, Path) else "the file")
    head, num_bytes = _head(source, name)
    if num_bytes > MAX_FILE_BYTES:
        raise IngestionError(
            f"Expected an image file of at most {MAX_FILE_BYTES >> 20} MB; {name} has "
            f"{num_bytes >> 20} MB. Export single images, not series."
        )
    match image_kind(head):
        case "dicom":
            return read_dicom(source, name)
        case "raster":
            return read_raster(source, name)
    raise IngestionError(
        f"Expected DICOM, PNG, JPEG or TIFF; {name} is none of these"
        f"{' (it is empty)' if num_bytes == 0 else ''}. Export the image again in one of these formats."
    )


def _head(source: Path | bytes, name: str) -> tuple[bytes, int]:
    if isinstance(source, bytes):
        return source[:_HEAD_BYTES], len(source)
    try:
        with source.open("rb") as file:
            return file.read(_HEAD_BYTES), source.stat().st_size
    except OSError as error:
        raise IngestionError(
            f"Expected a readable file; {name} gives: {error.strerror}. Check the path and its permissions."
        ) from error
