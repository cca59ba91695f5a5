"""Fetches the paper's data from an address or a copy on this computer; compares every file, then installs it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mammo_core.errors import IngestionError
from mammo_core.ingestion.archives import ArchiveLimits, unpack_safely
from mammo_core.ingestion.download import paper_files
from mammo_core.ingestion.download.connections import shown_address
from mammo_core.ingestion.download.download import download
from mammo_core.ingestion.download.paper_files import TERMS, TERMS_NAME, PaperFiles
from mammo_core.ingestion.markers import FETCHED, INCOMING, is_ours, write_marker
from mammo_core.storage.atomic import disk_errors_explained, write_text

FOLDER = "mammo_dp"
_LIMITS = ArchiveLimits(num_files=50_000, num_bytes=1 << 30)
_MAX_ARCHIVE_BYTES = 1 << 30

OnProgress = Callable[[int, int, str], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class FetchPlan:
    """The source of the paper's data, and the parts wanted.

    Attributes:
        source: An address (http or https) of the public repository as a ZIP file; or the path of such a
            file, or of a folder that holds the repository.
        includes_bcdr: Whether the masses of BCDR, which has terms of its own, come along.
    """

    source: str = paper_files.URL
    includes_bcdr: bool = True

    @property
    def is_address(self) -> bool:
        """Whether the source is to be downloaded."""
        return "://" in self.source


@dataclass(frozen=True)
class FetchReport:
    """The result of a fetch.

    Attributes:
        was_there: Whether everything was in place already and nothing was done.
        notes: What was unusual, to be shown.
    """

    folder: Path
    num_files: int
    seconds: float
    was_there: bool = False
    notes: tuple[str, ...] = ()


def run_fetch(
    plan: FetchPlan,
    data_dir: Path,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> FetchReport | None:
    """Fetches into DATA_DIR/mammo_dp, in place of what an earlier fetch left there.

    Args:
        on_progress: Called with (done, total, what is counted); total 0 while unknown.
        should_stop: Asked some times a second. What was downloaded is kept for the next call.

    Returns:
        The report; None if it was stopped.

    Raises:
        IngestionError: If the source can't be had or is not the paper's data; nothing installed is changed then.
    """
    started = time.monotonic()
    expected = paper_files.load_paper_files()
    if not plan.includes_bcdr:
        expected = expected.without_bcdr()
    tell = on_progress or (lambda done, total, what: None)
    stop = should_stop or (lambda: False)
    target = data_dir / FOLDER
    with disk_errors_explained(data_dir):
        if _is_in_place(target, expected):
            return FetchReport(target, len(expected.parts), time.monotonic() - started, True)
        with _incoming(data_dir) as incoming, _scratch(incoming) as scratch:
            unpacked, notes = scratch / FOLDER, []
            archive = incoming / f"{hashlib.sha256(plan.source.encode()).hexdigest()[:16]}.zip"
            if plan.is_address:
                notes = _download(plan.source, archive, tell, stop)
                with _discarded_if_wrong(archive):
                    _unpack(archive, unpacked, expected, tell, stop)
                    _compare(unpacked, expected, tell, stop)
            else:
                _copy(Path(plan.source).expanduser(), unpacked, expected, tell, stop)
                _compare(unpacked, expected, tell, stop)
            if stop():
                return None
            _mark(unpacked, plan, expected)
            _put_in_place(unpacked, target, scratch)
            if plan.is_address:
                archive.unlink(missing_ok=True)
    return FetchReport(target, len(expected.parts), time.monotonic() - started, notes=tuple(notes))


def _is_in_place(target: Path, expected: PaperFiles) -> bool:
    """Checks whether everything is there already; refuses a folder that someone else put there."""
    if not os.path.lexists(target):
        return False
    if not is_ours(target):
        raise IngestionError(
            f"Expected no folder {FOLDER} in {target.parent}, or one that this program fetched; found one that "
            "someone put there. Rename or remove it, or fetch into another folder (--out)."
        )
    try:
        expected.check(_files(target))
    except IngestionError:
        return False
    return True


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for root in paper_files.ROOTS:
        for path in sorted((folder / root).rglob("*.png")):
            yield path.relative_to(folder).as_posix(), path


@contextmanager
def _incoming(data_dir: Path) -> Iterator[Path]:
    """Opens the folder for unfinished downloads, for one fetch at a time."""
    incoming = data_dir / INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(incoming / "fetch.lock", timeout=0):
            yield incoming
    except Timeout as error:
        raise IngestionError(
            f"Expected to be the only fetch into {data_dir}; another one is under way. Wait for it."
        ) from error


@contextmanager
def _scratch(incoming: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fetch-", dir=incoming))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(url: str, archive: Path, tell: OnProgress, stop: ShouldStop) -> list[str]:
    if archive.exists():
        return []

    def on_bytes(done: int, total: int) -> None:
        size = "" if total else "; the server does not say how many"
        tell(done // 10**6, total // 10**6, f"Downloading: {done / 1e6:.1f} MB{size}")

    limit = _MAX_ARCHIVE_BYTES
    return download(url, archive, max_bytes=limit, on_bytes=on_bytes, should_stop=stop) or []


@contextmanager
def _discarded_if_wrong(archive: Path) -> Iterator[None]:
    """Deletes an archive that turns out to be something else."""
    try:
        yield
    except IngestionError:
        archive.unlink(missing_ok=True)
        raise


def _unpack(
    archive: Path, target: Path, expected: PaperFiles, tell: OnProgress, stop: ShouldStop
) -> None:
    if stop():
        return
    unpack_safely(
        archive,
        target,
        wanted=expected.place_of,
        limits=_LIMITS,
        on_progress=lambda done, total: tell(done, total, "Unpacking files"),
        should_stop=stop,
    )


def _copy(
    source: Path, target: Path, expected: PaperFiles, tell: OnProgress, stop: ShouldStop
) -> None:
    """Takes the wanted files out of a folder or ZIP file on this computer; links are left out."""
    if source.is_file():
        return _unpack(source, target, expected, tell, stop)
    if not source.is_dir():
        raise IngestionError(
            f"Expected a ZIP file or folder of the public repository at {source}; found nothing. Download "
            f"{paper_files.URL} where there is a network, put it there, and give its path."
        )
    wanted = [
        (path, name)
        for path, inner in _candidates(source)
        if (name := expected.place_of(inner)) and not path.is_symlink() and path.is_file()
    ]
    for done, (path, name) in enumerate(wanted):
        if stop():
            return
        tell(done, len(wanted), "Copying files")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)


def _candidates(source: Path) -> Iterator[tuple[Path, str]]:
    """Yields PNG files below the repository's folders, which are in `source` or one folder further down."""
    tops = [source, *sorted(path for path in source.iterdir() if path.is_dir())]
    top = next((top for top in tops if (top / paper_files.ROOTS[0]).is_dir()), source)
    for root in paper_files.ROOTS:
        for path in (top / root).rglob("*.png"):
            yield path, path.relative_to(top).as_posix()


def _compare(unpacked: Path, expected: PaperFiles, tell: OnProgress, stop: ShouldStop) -> None:
    if not stop():
        tell(0, 1, "Comparing every file with the list")
        expected.check(_files(unpacked))
        tell(1, 1, "Comparing every file with the list")


def _mark(unpacked: Path, plan: FetchPlan, expected: PaperFiles) -> None:
    write_text(unpacked / TERMS_NAME, TERMS)
    write_marker(
        unpacked,
        FETCHED,
        {
            "source": shown_address(plan.source) if plan.is_address else "a copy on this computer",
            "commit": paper_files.COMMIT,
            "num_files": len(expected.parts),
            "includes_bcdr": plan.includes_bcdr,
        },
    )


def _put_in_place(unpacked: Path, target: Path, scratch: Path) -> None:
    """Renames the new folder to its name; what was there goes only when the new one is in place."""
    old = scratch / "old"
    if target.exists():
        target.rename(old)
    try:
        unpacked.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
