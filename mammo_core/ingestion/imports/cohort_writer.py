"""Writes a cohort under construction: hidden until it is whole, resumable after a crash, never over another.

While it grows, it is DATA_DIR/.NAME.partial: the masses, a journal with one line for each image that is done,
and the hash of the plan. A second import of another plan into it is refused. At the end the journal becomes
metadata.csv, and the folder gets its name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from mammo_core.errors import IngestionError
from mammo_core.ingestion.markers import IMPORTED, write_marker
from mammo_core.labels import BENIGN
from mammo_core.storage.atomic import disk_errors_explained, unwritable, write_bytes, write_text
from mammo_core.storage.tables import safe_csv

METADATA = "metadata.csv"
_FLUSHES = 16  # at once
_JOURNAL, _PLAN, _LOCK = "journal.jsonl", "plan.txt", ".lock"
COLUMNS = (
    *("file", "patient", "image", "mass", "label", "split", "site"),
    *("side", "view", "density", "shape", "margins", "assessment", "pathology", "subtlety"),
    *("spacing_mm", "image_height", "image_width"),
    *("box_top", "box_left", "box_height", "box_width", "warnings"),
)


@dataclass(frozen=True, kw_only=True)
class CutMass:
    """One mass, ready to be written.

    Attributes:
        png: The image file.
        row: Of metadata.csv, without "file".
    """

    png: bytes = field(repr=False)
    row: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Path below the cohort, with slashes."""
        flag = int(self.row["label"] == BENIGN)
        name = "patient{patient}_image{image}_mass{mass}".format(**self.row)
        return (
            f"{self.row['site']}/{self.row['split']}/is_benign_{'true' if flag else 'false'}/"
            f"{name}_is_benign_{flag}.png"
        )


def partial_folder(data_dir: Path, name: str) -> Path:
    """Returns the hidden folder of a cohort under construction."""
    return data_dir / f".{name}.partial"


def require_free(data_dir: Path, name: str) -> None:
    """Raises IngestionError if something is called like the new cohort."""
    taken = data_dir / name
    if taken.exists() or taken.is_symlink():
        raise IngestionError(
            f"Expected a name that is free; {name} exists already in {data_dir}, and nothing is written over "
            "it. Choose another name, or remove the old one first."
        )


def discard_partial(data_dir: Path, name: str) -> bool:
    """Removes what an interrupted import left; says whether there was anything.

    Raises:
        IngestionError: If an import is at it, or the disk refuses.
    """
    folder = partial_folder(data_dir, name)
    if not (folder / _PLAN).is_file() or folder.is_symlink():
        return False
    with _alone(folder, name):
        pass
    with disk_errors_explained(folder):
        shutil.rmtree(folder)
    return True


class CohortWriter:
    """A cohort under construction. Use `open_cohort`.

    Attributes:
        folder: Where it is meanwhile.
        done: Keys of the images that are done.
    """

    def __init__(self, folder: Path, done: dict[str, list[dict[str, Any]]], lock: FileLock) -> None:
        self.folder = folder
        self._lock = lock
        self._rows = [row for rows in done.values() for row in rows]
        self.done = frozenset(done)

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Rows of metadata.csv written so far."""
        return self._rows

    def add(self, key: str, masses: Sequence[CutMass]) -> None:
        """Writes the masses of one image and notes that it is done.

        Raises:
            IngestionError: If the disk refuses; what was noted before stays.
        """
        rows = []
        for mass in masses:
            path = self.folder / mass.file
            with disk_errors_explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(mass.png)
            rows.append({"file": mass.file, "bytes": len(mass.png), **mass.row})
        with (
            disk_errors_explained(self.folder / _JOURNAL),
            (self.folder / _JOURNAL).open("ab") as file,
        ):
            file.write(json.dumps({"key": key, "masses": rows}).encode() + b"\n")
        self._rows += rows

    def finish(self, report: Mapping[str, Any]) -> Path:
        """Writes metadata.csv and the marker, and gives the folder its name.

        Args:
            report: JSON-ready; goes into the marker.
        """
        name = self.folder.name.removeprefix(".").removesuffix(".partial")
        target = self.folder.with_name(name)
        rows = sorted(self._rows, key=lambda row: row["file"])
        table = pd.DataFrame(rows, columns=COLUMNS, dtype=object).fillna("")
        write_text(self.folder / METADATA, safe_csv(table))
        with disk_errors_explained(target):
            write_marker(self.folder, IMPORTED, dict(report))
            self._remove_leftovers()
            with ThreadPoolExecutor(_FLUSHES) as pool:
                list(pool.map(_flush, (self.folder / row["file"] for row in rows)))
            require_free(target.parent, name)
            (self.folder / _JOURNAL).unlink()
            # from here on, no other import takes the folder for its own
            (self.folder / _PLAN).unlink()
            self._lock.release()
            (self.folder / _LOCK).unlink(missing_ok=True)
            self.folder.rename(target)
        return target

    def _remove_leftovers(self) -> None:
        """Removes masses that were written but not noted before a crash, and that nobody cut again."""
        known = {row["file"] for row in self._rows}
        for path in self.folder.glob("*/*/*/*"):
            if path.relative_to(self.folder).as_posix() not in known:
                path.unlink()


@contextlib.contextmanager
def open_cohort(data_dir: Path, name: str, plan_hash: str) -> Iterator[CohortWriter]:
    """Begins a cohort, or resumes what an interrupted import of the same plan left.

    Raises:
        IngestionError: If the name is taken, another plan was begun under it, or another import is at it.
    """
    require_free(data_dir, name)
    folder = partial_folder(data_dir, name)
    if not (folder / _PLAN).exists() and any(path.name != _LOCK for path in folder.glob("*")):
        raise IngestionError(
            f"Expected {folder.name} to be from an import; it is not. Move it away."
        )
    with disk_errors_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, name) as lock:
        _same_plan(folder, plan_hash)
        yield CohortWriter(folder, _journal(folder), lock)


@contextlib.contextmanager
def _alone(folder: Path, name: str) -> Iterator[FileLock]:
    """Keeps other imports of the same name away."""
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise IngestionError(
            f"Expected nobody else to import {name}; another import is at it. Wait for it, or stop it."
        ) from error
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield lock
    finally:
        lock.release()


def _same_plan(folder: Path, plan_hash: str) -> None:
    path = folder / _PLAN
    if not path.exists():
        write_text(path, plan_hash)
    elif path.read_text(encoding="utf-8") != plan_hash:
        raise IngestionError(
            f"Expected the import that was begun as {folder.name.strip('.').removesuffix('.partial')}; got "
            "one from other files or with other settings, and the two don't mix. Repeat the first one, start "
            "over, or choose another name."
        )


def _journal(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Reads the rows of every image whose masses are written; drops a line cut short by a crash."""
    path = folder / _JOURNAL
    if not path.exists():
        return {}
    done = {}
    whole = b""
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if line.endswith(b"\n") and all(_is_there(folder, row) for row in entry["masses"]):
            done[entry["key"]] = entry["masses"]
            whole += line
    write_bytes(path, whole)
    return done


def _flush(path: Path) -> None:
    """Makes sure that a file is on the disk. Done once at the end: a crash before that only costs time."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _is_there(folder: Path, row: Mapping[str, Any]) -> bool:
    path = folder / row["file"]
    return path.is_file() and path.stat().st_size == row["bytes"]
