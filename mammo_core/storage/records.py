"""Keeps records in a file, one JSON line each: what was added once stays, whatever happens to the program."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mammo_core.errors import StoreError
from mammo_core.storage.atomic import disk_errors_explained


def append_record(path: Path, values: dict[str, Any]) -> None:
    """Adds a record and waits until the disk has it; a line that was left half written is removed first.

    Only one process may add to a file at a time.

    Raises:
        StoreError: If it cannot be written.
    """
    line = json.dumps(values, ensure_ascii=False).encode() + b"\n"
    with disk_errors_explained(path):
        end = len(_whole_lines(path))
        with path.open("ab") as file:
            file.truncate(end)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def read_records(path: Path) -> list[dict[str, Any]]:
    """Reads the records of a file, oldest first; a last line that was left half written is none.

    Raises:
        StoreError: If a line is no record, or the file cannot be read.
    """
    with disk_errors_explained(path):
        lines = _whole_lines(path).splitlines()
    try:
        records = [json.loads(line) for line in lines]
    except ValueError as error:
        raise _no_records(path, str(error)) from error
    if not all(isinstance(record, dict) for record in records):
        raise _no_records(path, "lines that are no records")
    return records


def _whole_lines(path: Path) -> bytes:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def _no_records(path: Path, found: str) -> StoreError:
    return StoreError(
        f"Expected one JSON record a line in {path}; got {found}. Put a copy of the file in its place."
    )
