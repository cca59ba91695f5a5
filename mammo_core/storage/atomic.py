"""Writes a file completely or not at all, and says in words what the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from mammo_core.errors import StoreError

_WHAT_TO_DO = {
    errno.ENOSPC: "The disk is full. Free some space, or choose a folder on another disk.",
    errno.EDQUOT: "Your quota is used up. Free some space, or choose another folder.",
    errno.EFBIG: "Files of this size are not allowed here. Choose a folder on another disk.",
    errno.EROFS: "The disk is read-only. Choose a folder on another one.",
    errno.EACCES: "Writing is not allowed there. Choose another folder, or change its permissions.",
    errno.EPERM: "Writing is not allowed there. Choose another folder, or change its permissions.",
    errno.ENOENT: "The folder is gone. Start again once it is back.",
    errno.ENOTDIR: "A file is in the way of a folder. Move it away.",
    errno.EIO: "The disk reports an error. Check it before anything else.",
}


def write_bytes(path: Path, content: bytes | memoryview, *, mode: int = 0o666) -> None:
    """Writes a file so that under its name there is all of it or what was there before.

    Args:
        mode: Permissions, less what the process' umask takes away.

    Raises:
        StoreError: If it cannot be written; nothing half written stays.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise unwritable(path, error) from error


def write_text(path: Path, content: str) -> None:
    """Writes text in UTF-8, as `write_bytes` does."""
    write_bytes(path, content.encode())


def json_text(values: object) -> str:
    """Encodes JSON-ready values as this program keeps them in files: indented, UTF-8 as it is."""
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def write_json(path: Path, values: object) -> None:
    """Writes JSON-ready values, as `write_bytes` does."""
    write_text(path, json_text(values))


def unwritable(path: Path, error: OSError) -> StoreError:
    """Builds the error for something that could not be written."""
    hint = _WHAT_TO_DO.get(error.errno or 0, "Check the folder and the disk.")
    return StoreError(f"Expected to write {path}; got: {error.strerror or error}. {hint}")


@contextlib.contextmanager
def disk_errors_explained(path: Path) -> Iterator[None]:
    """Turns an error of the system inside, a full or read-only disk for example, into a StoreError.

    Args:
        path: What is written, or where.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error
