"""Maps uncompressed pixels of a file into memory, so that only what is used is ever read."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

_LEAST_BYTES = 256 * 2**10  # below, reading the whole file is as quick
_PREAMBLE = 128
_META_BYTES = 4096  # within which the transfer syntax is found
_TAG = b"\xe0\x7f\x10\x00"
_EXPLICIT = (_TAG + b"OW\0\0", _TAG + b"OB\0\0")


@dataclass(frozen=True)
class PixelsInPlace:
    """The place of pixel data in a file: `length` bytes from `offset` on."""

    path: Path
    offset: int
    length: int

    def mapped(self, shape: tuple[int, int], bits: int) -> np.ndarray:
        """Maps the bit patterns (H, W) uint8 or uint16 of one sample per pixel into memory.

        Raises:
            ValueError: If there are fewer bytes than that, or the bits are not 8 or 16.
        """
        if bits not in (8, 16) or math.prod(shape) * bits // 8 > self.length:
            raise ValueError(f"{self.length} bytes for {shape} pixels of {bits} bits")
        return np.memmap(self.path, f"<u{bits // 8}", "r", self.offset, shape)


def header_in_place(path: Path) -> tuple[Dataset, PixelsInPlace] | None:
    """Reads a header and locates its pixels; None unless the file is large, grey, native and little endian."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_META_BYTES)
        if size < _LEAST_BYTES or not _may_be_native(head):
            return None
        file.seek(0)
        data = pydicom.dcmread(file, stop_before_pixels=True)
        start = file.tell()
        element = file.read(12)
    match data.file_meta.get("TransferSyntaxUID"):
        case syntax if syntax == ExplicitVRLittleEndian and element.startswith(_EXPLICIT):
            offset = start + 12
        case syntax if syntax == ImplicitVRLittleEndian and element.startswith(_TAG):
            offset = start + 8
        case _:
            return None
    (length,) = struct.unpack_from("<L", element, offset - start - 4)
    if data.get("SamplesPerPixel") != 1 or offset + length > size:
        return None
    return data, PixelsInPlace(path, offset, length)


def _may_be_native(head: bytes) -> bool:
    native = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    return (
        head[_PREAMBLE : _PREAMBLE + 4] == b"DICM"
        and any(syntax.encode() + b"\0" in head for syntax in native)
        and DeflatedExplicitVRLittleEndian.encode() not in head
    )
