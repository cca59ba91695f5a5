"""Imports runs that another installation exported: all of a file, or nothing. See `package` for the checks.

An imported run is marked as made elsewhere. It is not in the ledger of this machine, takes the place of no run
that would be trained here, and may be imported again without harm.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from mammo_core.errors import IngestionError
from mammo_core.ingestion.archives import ArchiveLimits, unpack_safely
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.package import MANIFEST, read_package
from mammo_core.results.recording import RunRecorder
from mammo_core.storage.mlflow_store import store_errors_explained
from mammo_core.text.untrusted import single_line
from mammo_core.training.outcome import FinishedRun

_LIMITS = ArchiveLimits(num_files=10_000, num_bytes=4 << 30)


@dataclass(frozen=True)
class ImportedRun:
    """A run of a file.

    Attributes:
        run_id: In this store.
        is_new: False if it was there before: imported earlier, or made here.
    """

    run_id: str
    is_new: bool


def import_runs(source: Path, home: Path) -> list[ImportedRun]:
    """Imports every run of a ZIP file or folder.

    Raises:
        IngestionError: If it holds no run, or one that cannot be believed; then none was imported.
        StoreError: If the disk refuses; runs before are then imported.
    """
    with _unpacked(source) as folder:
        runs = [read_package(part) for part in _run_folders(folder, source.name)]
    home.mkdir(parents=True, exist_ok=True)
    with store_errors_explained(), FileLock(home / "run_import.lock"):
        archive, recorder = RunArchive(home), RunRecorder(home)
        return [_import(run, archive, recorder) for run in runs]


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise IngestionError(
            f"Expected a ZIP file or folder of exported runs; found nothing at {source}. Check the name."
        )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "runs"
        unpack_safely(source, folder, limits=_LIMITS)
        yield folder


def _run_folders(folder: Path, name: str) -> list[Path]:
    """The folder itself, or those in it, whatever they are called."""
    if (folder / MANIFEST).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise IngestionError(
            f"Expected exported runs, each a folder with a {MANIFEST}; found none in {single_line(name, 80)}. "
            "Export runs on the page Runs, or with `runs export`."
        )
    return found


def _import(run: FinishedRun, archive: RunArchive, recorder: RunRecorder) -> ImportedRun:
    there = archive.find(run.source_id)
    if there is not None:
        return ImportedRun(there, is_new=False)
    return ImportedRun(recorder.store(run), is_new=True)
