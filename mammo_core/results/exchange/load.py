"""Takes in runs that another installation exported: all of a file, or nothing. See `run_package` for the checks.

An imported run is marked as made elsewhere. It is not charged in the ledger of this machine, takes the place of no run
that would be trained here, and may be imported again without harm.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from torch import Tensor

from mammo_core.classifiers.heads import head_from_bytes
from mammo_core.classifiers.projection import Projection
from mammo_core.errors import CheckpointError, IngestionError
from mammo_core.ingestion.archives import ArchiveLimits, unpack_safely
from mammo_core.privacy.statements.card import statement_to_dict
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange import package as run_package
from mammo_core.results.exchange.package import RunPackage, read_package
from mammo_core.results.recording import RunRecord, RunRecorder
from mammo_core.results.tags import CHARGED_TAG, ORIGIN_IMPORTED, SOURCE_TAG
from mammo_core.storage.mlflow_store import store_errors_explained
from mammo_core.text.untrusted import single_line

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
        packages = [read_package(part) for part in _run_folders(folder, source.name)]
    heads = [_head(package) for package in packages]
    home.mkdir(parents=True, exist_ok=True)
    with store_errors_explained(), FileLock(home / "run_import.lock"):
        archive, tracker = RunArchive(home), RunRecorder(home)
        return [
            _import(package, head, archive, tracker)
            for package, head in zip(packages, heads, strict=True)
        ]


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
    if (folder / run_package.MANIFEST).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{run_package.MANIFEST}"))
    if not found:
        raise IngestionError(
            f"Expected exported runs, each a folder with a {run_package.MANIFEST}; found none in {single_line(name, 80)}. "
            "Export runs on the page Runs, or with `runs export`."
        )
    return found


def _head(package: RunPackage) -> tuple[Tensor, Projection, str] | None:
    """Read and checked, with its projection."""
    if package.head is None:
        return None
    try:
        kept = head_from_bytes(package.head, run_package.HEAD)
    except CheckpointError as error:
        raise IngestionError(f"{error} Nothing was imported.") from error
    if kept.projection is None:
        raise IngestionError(
            f"Expected {run_package.HEAD} with its projection; it names one kept elsewhere. Export the run again."
        )
    return kept.weights, kept.projection, kept.feature_space


def _import(
    package: RunPackage,
    head: tuple[Tensor, Projection, str] | None,
    archive: RunArchive,
    tracker: RunRecorder,
) -> ImportedRun:
    there = archive.find(package.source_id)
    if there is not None:
        return ImportedRun(there, is_new=False)
    recording = RunRecord(
        config=package.config,
        data_hash=package.data_hash,
        test_sets=package.test_sets,
        metrics=package.metrics,
        predictions=package.predictions.to_csv(index=False, lineterminator="\n"),
        statement=None if package.statement is None else statement_to_dict(package.statement),
        tags={
            "origin": ORIGIN_IMPORTED,
            "job": "",
            SOURCE_TAG: package.source_id,
            CHARGED_TAG: " ".join(package.cohorts),
            "made_elsewhere": package.made,
            "package_sha256": package.manifest_hash,
        },
        started_ms=package.started_ms,
    )
    return ImportedRun(tracker.store(recording, head), is_new=True)
