"""What the disk refuses, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mammo_core.intake.atomic import unwritable


@contextmanager
def disk_errors_explained(folder: Path) -> Iterator[None]:
    """Turns an error of the system inside, a full or read-only disk for example, into an IntakeError.

    Args:
        folder: Where something is written.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from error
