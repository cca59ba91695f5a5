"""Sends values between two processes without pickle: JSON, with bytes, arrays and paths beside it.

A frame is two lengths, the JSON, and the bytes. A value is made of dicts with str keys, lists, tuples (which
come out as lists), str, int, float, bool, None, bytes, numpy arrays, numpy numbers (which come out as Python's) and
paths.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np

_LENGTHS = struct.Struct("<QQ")
_MARK = "\0kind"


def write_frame(file: IO[bytes], value: Any) -> None:
    """Writes one value and flushes.

    Raises:
        TypeError: If it holds something else than listed above.
    """
    blobs: list[memoryview] = []
    head = json.dumps(_packed(value, blobs)).encode()
    file.write(_LENGTHS.pack(len(head), sum(blob.nbytes for blob in blobs)))
    file.write(head)
    for blob in blobs:
        file.write(blob)
    file.flush()


def read_frame(file: IO[bytes]) -> Any:
    """Reads one value.

    Raises:
        EOFError: If the other side is gone.
    """
    head_bytes, blob_bytes = _LENGTHS.unpack(_exactly(file, _LENGTHS.size))
    head = json.loads(_exactly(file, head_bytes))
    return _unpacked(head, memoryview(_exactly(file, blob_bytes)))


def _exactly(file: IO[bytes], count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise EOFError
    return content


def _packed(value: Any, blobs: list[memoryview]) -> Any:
    match value:
        case dict():
            return {key: _packed(item, blobs) for key, item in value.items()}
        case list() | tuple():
            return [_packed(item, blobs) for item in value]
        case Path():
            return {_MARK: "path", "path": str(value)}
        case bytes() | bytearray() | memoryview():
            return {_MARK: "bytes"} | _place(memoryview(value).cast("B"), blobs)
        case np.ndarray() if value.dtype.kind in "buif":
            flat = np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
            kind = {_MARK: "array", "dtype": value.dtype.str, "shape": list(value.shape)}
            return kind | _place(flat, blobs)
        case np.generic():
            return value.item()
    return value


def _place(blob: memoryview, blobs: list[memoryview]) -> dict[str, int]:
    start = sum(earlier.nbytes for earlier in blobs)
    blobs.append(blob)
    return {"start": start, "end": start + blob.nbytes}


def _unpacked(value: Any, content: memoryview) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, content) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get(_MARK):
        case "path":
            return Path(value["path"])
        case "bytes":
            return bytes(content[value["start"] : value["end"]])
        case "array":
            flat = np.frombuffer(content[value["start"] : value["end"]], dtype=value["dtype"])
            return flat.reshape(value["shape"])
    return {key: _unpacked(item, content) for key, item in value.items()}
