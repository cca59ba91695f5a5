"""What the disk refuses, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mammo_core.errors import IntakeError


@contextmanager
def disk_errors_explained(folder: Path) -> Iterator[None]:
    """Turns an error of the system inside, a full or read-only disk for example, into an IntakeError.

    Args:
        folder: Where something is read or written.
    """
    try:
        yield
    except OSError as error:
        raise IntakeError(
            f"Expected a folder to read and write at {folder}; the system says: "
            f"{error.strerror or error}. Free some space, or choose a folder that this program may change."
        ) from error
