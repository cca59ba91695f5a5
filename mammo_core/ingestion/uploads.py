"""Keeps files that a browser sent below the data folder until they are imported or a day is over."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mammo_core.ingestion.markers import INCOMING
from mammo_core.storage.atomic import disk_errors_explained

_PREFIX = "upload-"
_CHUNK = 1 << 20


def new_upload(data_dir: Path) -> Path:
    """Creates an empty folder for one upload; `installed.sweep_incoming` deletes forgotten ones.

    Raises:
        IngestionError: If the disk refuses.
    """
    with disk_errors_explained(data_dir):
        (data_dir / INCOMING).mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=data_dir / INCOMING))


def keep_upload(folder: Path, name: str, content: memoryview) -> Path:
    """Writes one file into the folder of an upload, readable for this user only.

    Args:
        name: Our name for it; the sender's may name a patient and is not kept.
    """
    path = folder / name
    with disk_errors_explained(folder), path.open("wb") as file:
        for start in range(0, len(content), _CHUNK):
            file.write(content[start : start + _CHUNK])
    return path


def discard_upload(path: Path, data_dir: Path) -> None:
    """Deletes the upload that a file belongs to; a file from elsewhere stays."""
    incoming = (data_dir / INCOMING).resolve()
    folder = path.resolve().parent
    if folder.parent == incoming and folder.name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)  # what is left is swept after a day
