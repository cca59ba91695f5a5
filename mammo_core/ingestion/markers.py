"""Marks what this program put into the data folder: nothing without a marker is changed or removed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mammo_core
from mammo_core.storage.atomic import write_text

FETCHED, IMPORTED = "fetch.json", "import.json"
INCOMING = ".incoming"  # below the folder of the data, for unfinished things; hidden folders hold no cohorts
_MAKER = "Mammo Privacy Explorer"


def write_marker(folder: Path, name: str, values: dict[str, Any]) -> None:
    """Writes FETCHED or IMPORTED into a folder that this program made.

    Args:
        values: JSON-ready; say how it was made.
    """
    made = {
        "made_by": _MAKER,
        "version": mammo_core.__version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(made | values, indent=2, ensure_ascii=False)
    write_text(folder / name, text + "\n")


def read_marker(folder: Path) -> tuple[str, dict[str, Any]] | None:
    """Reads name and values of the marker in a folder; None if it has none of ours, or is a link."""
    if folder.is_symlink():
        return None
    for name in (FETCHED, IMPORTED):
        path = folder / name
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            continue
        if isinstance(values, dict) and values.get("made_by") == _MAKER and not path.is_symlink():
            return name, values
    return None


def is_ours(folder: Path) -> bool:
    """Checks whether this program made the folder."""
    return read_marker(folder) is not None
