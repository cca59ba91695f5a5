"""Reads the size and precision that compressed pixels claim, before a decoder believes it.

Source: ISO/IEC 10918-1 B.2.2 (JPEG frame header), ISO/IEC 14495-1 C.2.2 (JPEG-LS), ISO/IEC 15444-1 A.5.1
(JPEG 2000 SIZ).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pydicom.pixels.utils import get_j2k_parameters

_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # tables among the frame markers
_JPEG_LS_FRAME = 0xF7
_WITH_LOSS = (0xC0, 0xC1, 0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE)
_SCAN = 0xDA


def claimed_size(stream: bytes) -> tuple[int, int] | None:
    """Reads height and width of a JPEG, JPEG-LS or JPEG 2000 stream; None if it has no such header.

    Of several, which a sound stream does not have, the largest: decoders differ in which they believe.
    """
    try:
        if stream.startswith(b"\xff\x4f\xff\x51"):
            right, bottom, left, top = struct.unpack_from(">4L", stream, 8)
            return bottom - top, right - left
    except struct.error:
        return None
    sizes = list(_frame_sizes(stream)) if stream.startswith(b"\xff\xd8") else []
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def jpeg_precision(stream: bytes) -> int | None:
    """Reads the bits per sample of a JPEG that is coded with loss (DCT); None of any other stream."""
    headers = _frame_headers(stream) if stream.startswith(b"\xff\xd8") else ()
    return next((stream[place + 4] for marker, place in headers if marker in _WITH_LOSS), None)


def sample_bits(stream: bytes) -> int | None:
    """Reads the bits per sample of a JPEG, JPEG-LS or JPEG 2000 stream; None if it has no such header.

    Of several, the largest.
    """
    if stream.startswith(b"\xff\xd8"):
        return max((stream[place + 4] for _, place in _frame_headers(stream)), default=None)
    return get_j2k_parameters(stream).get("precision")


def _frame_sizes(stream: bytes) -> Iterator[tuple[int, int]]:
    """Yields the size in every frame header before the first scan."""
    for _, place in _frame_headers(stream):
        yield struct.unpack_from(">2H", stream, place + 5)


def _frame_headers(stream: bytes) -> Iterator[tuple[int, int]]:
    """Yields marker and place of every frame header before the first scan."""
    place = 2
    while place + 9 <= len(stream) and stream[place] == 0xFF and stream[place + 1] != _SCAN:
        marker = stream[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == _JPEG_LS_FRAME or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES):
            yield marker, place
        place += 2 + struct.unpack_from(">H", stream, place + 2)[0]
