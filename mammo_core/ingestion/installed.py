"""Lists and removes the cohorts below the data folder, with the room that they take.

Only what this program put there, and marked as such, can be removed here.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mammo_core.cohorts.folders import REAL_NAME, SYNTHETIC_NAME
from mammo_core.cohorts.installed import find_sources
from mammo_core.errors import IngestionError
from mammo_core.ingestion.markers import FETCHED, INCOMING, read_marker
from mammo_core.storage.atomic import disk_errors_explained

Origin = Literal["fetched", "imported", "found"]
_FORGOTTEN_SECONDS = 24 * 3600.0
_REMOVED = "removed-"
NOT_UNDONE = (
    "Removing masses does not undo what was learned from them: features computed from them stay in the program's "
    "own folder, runs and their predictions stay in the run store, and the ledger keeps every release."
)


@dataclass(frozen=True, kw_only=True)
class InstalledCohort:
    """One folder with masses.

    Attributes:
        name: Below the folder of the data; unique.
        folder: With the masses.
        home: The whole folder that goes when it is removed: with terms, marks and synthetic masses.
        source: "real" or "synthetic".
        num_patients: 0 for synthetic masses.
        num_bytes: Room that the masses take on the disk.
        home_bytes: Room that `home` takes.
        origin: Whether this program fetched or imported it, or found it there.
        details: What the mark of a fetch or import says.
    """

    name: str
    folder: Path
    home: Path
    source: Literal["real", "synthetic"]
    num_masses: int
    num_patients: int
    num_bytes: int
    home_bytes: int
    origin: Origin
    details: dict[str, Any]


def installed_cohorts(data_dir: Path) -> list[InstalledCohort]:
    """Lists all cohorts that the app finds there, real ones first; counts names, opens no image."""
    sources = find_sources(data_dir)
    found = [_real(source.real, data_dir) for source in sources if source.real]
    synthetic = dict.fromkeys(source.synthetic for source in sources if source.synthetic)
    return found + [_synthetic(folder, data_dir) for folder in synthetic]


def remove_cohort(name: str, data_dir: Path) -> InstalledCohort:
    """Removes a cohort that this program fetched or imported, with all that came with it.

    Links are removed, never followed. See NOT_UNDONE for what stays.

    Raises:
        IngestionError: If there is none of this name, if someone else put it there, or the disk refuses.
    """
    cohorts = {cohort.name: cohort for cohort in installed_cohorts(data_dir)}
    if name not in cohorts:
        listed = ", ".join(cohorts) or "nothing is installed"
        raise IngestionError(f"Expected one of: {listed}; got {name!r}. Choose one of these.")
    cohort = cohorts[name]
    if cohort.origin == "found":
        raise IngestionError(
            f"Expected a cohort that this program fetched or imported; someone else put {name} there. Remove its "
            f"folder yourself: {cohort.folder}"
        )
    incoming = data_dir / INCOMING
    with disk_errors_explained(cohort.home):
        incoming.mkdir(exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=incoming))
        cohort.home.rename(place / cohort.home.name)  # gone at once, then deleted file by file
        shutil.rmtree(place)
    return cohort


def sweep_incoming(data_dir: Path) -> None:
    """Deletes unfinished downloads, uploads and removals that nobody went on with for a day."""
    incoming = data_dir / INCOMING
    if incoming.is_symlink() or not incoming.is_dir():
        return
    with disk_errors_explained(incoming):
        for path in incoming.iterdir():
            is_forgotten = time.time() - _newest(path) > _FORGOTTEN_SECONDS
            if path.suffix != ".lock" and (is_forgotten or path.name.startswith(_REMOVED)):
                _delete(path)


def _newest(path: Path) -> float:
    """Returns when anything in a file or folder was last changed, in seconds since 1970."""
    return max(
        (entry.lstat().st_mtime for entry in _entries(path)),
        default=path.lstat().st_mtime,
    )


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)  # another process may be doing the same
    else:
        path.unlink(missing_ok=True)


def _real(folder: Path, data_dir: Path) -> InstalledCohort:
    names = [
        match
        for path in folder.glob("*/*/is_benign_*/*.png")
        if (match := REAL_NAME.fullmatch(path.stem))
    ]
    patients = {match["patient"] for match in names}
    return _described(folder, data_dir, "real", len(names), len(patients))


def _synthetic(folder: Path, data_dir: Path) -> InstalledCohort:
    names = sum(bool(SYNTHETIC_NAME.fullmatch(path.stem)) for path in folder.glob("*.png"))
    return _described(folder, data_dir, "synthetic", names, 0)


def _described(
    folder: Path,
    data_dir: Path,
    source: Literal["real", "synthetic"],
    num_masses: int,
    num_patients: int,
) -> InstalledCohort:
    home, (mark, details) = _home_of(folder, data_dir)
    origin: Origin = "found" if not mark else "fetched" if mark == FETCHED else "imported"
    return InstalledCohort(
        name=folder.relative_to(data_dir).as_posix(),
        folder=folder,
        home=home,
        source=source,
        num_masses=num_masses,
        num_patients=num_patients,
        num_bytes=disk_use(folder.resolve()),  # also where the folder itself is a link
        home_bytes=disk_use(home),
        origin=origin,
        details=details,
    )


def _home_of(folder: Path, data_dir: Path) -> tuple[Path, tuple[str, dict[str, Any]]]:
    """Finds the marked folder that this one is or is in, below the data folder; else itself, unmarked."""
    for home in (folder, *folder.parents):
        if home == data_dir:
            break
        is_inside = home.resolve() == data_dir.resolve() / home.relative_to(data_dir)
        if is_inside and (mark := read_marker(home)):
            return home, mark
    return folder, ("", {})


def disk_use(folder: Path) -> int:
    """Sums the bytes of all files below a folder, without links."""
    sizes = (entry.lstat() for entry in _entries(folder))
    return sum(size.st_size for size in sizes if stat.S_ISREG(size.st_mode))


def _entries(folder: Path) -> Iterator[Path]:
    """Iterates over everything below a folder, following no link; nothing for a file."""
    return iter(()) if folder.is_symlink() else folder.rglob("*")
