"""The size that compressed pixels claim for themselves, read before a decoder believes it.

Source: ISO/IEC 10918-1 B.2.2 (JPEG frame header), ISO/IEC 14495-1 C.2.2 (JPEG-LS), ISO/IEC 15444-1 A.5.1
(JPEG 2000 SIZ).
"""

from __future__ import annotations

import struct

_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # tables among the frame markers
_JPEG_LS_FRAME = 0xF7


def claimed_size(stream: bytes) -> tuple[int, int] | None:
    """Height and width of a JPEG, JPEG-LS or JPEG 2000 stream; None if it does not start with them."""
    try:
        if stream.startswith(b"\xff\x4f\xff\x51"):
            right, bottom, left, top = struct.unpack_from(">4L", stream, 8)
            return bottom - top, right - left
        if stream.startswith(b"\xff\xd8"):
            return _frame_size(stream)
    except (struct.error, IndexError):
        return None
    return None


def _frame_size(stream: bytes) -> tuple[int, int] | None:
    place = 2
    while stream[place] == 0xFF:
        marker = stream[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker == _JPEG_LS_FRAME or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES):
            return struct.unpack_from(">2H", stream, place + 5)
        else:
            place += 2 + struct.unpack_from(">H", stream, place + 2)[0]
    return None
