"""Unpacks a ZIP file from outside: all of it, below one folder, or nothing. What its names mean is not decided here."""

from __future__ import annotations

import errno
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.limits import MAX_FILE_BYTES
from mammo_core.storage.atomic import disk_errors_explained

_CHUNK = 1 << 20
_LOCAL_HEADER = 30  # bytes before the name of a member
_MAX_DIRECTORY_BYTES = 32 << 20  # read into memory before anything can be counted
_MAX_PART = 200  # bytes of one part of a name
_KEPT_FREE = 1 << 30  # bytes of the disk that are left for others
_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """Limits of an archive's content.

    Attributes:
        num_files: Members, those left out included.
        num_bytes: Of all members to be unpacked together.
        ratio: Bytes for each byte they are packed in, on average.
        trusted_bytes: Up to here the ratio does not matter: a mask, nearly empty, is packed 1000 to 1.
    """

    num_files: int = 200_000
    num_bytes: int = 64 << 30
    ratio: int = 200
    trusted_bytes: int = 1 << 30


def unpack_safely(
    archive: Path,
    target: Path,
    *,
    wanted: Callable[[str], str | None] | None = None,
    limits: ArchiveLimits | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> int:
    """Unpacks a ZIP file into a new folder, which appears only when everything is in it.

    Args:
        target: Must not exist; its parent is made if need be.
        wanted: Says under which name, relative to `target`, a member is kept; None leaves it out.
            Without it everything is kept as named.
        on_progress: Called with (files done, files in all).
        should_stop: Asked between files; the folder does not appear then.

    Returns:
        The number of files; 0 if it was stopped.

    Raises:
        IngestionError: If it is no ZIP file or damaged, if a member is a link or device, encrypted, named twice,
            shares bytes with another or has a name that leads elsewhere, or if it would be too large; also if
            the disk is full or read-only. Nothing is left behind.
    """
    limits = limits or ArchiveLimits()
    if target.exists():
        raise IngestionError(
            f"Expected no folder {target.name} yet; found one. Remove it or choose another name."
        )
    with (
        disk_errors_explained(target.parent),
        _damage_explained(archive),
        _opened(archive) as opened,
    ):
        members = _checked(opened, limits)
        chosen = _chosen(members, wanted)
        _check_size(chosen, limits, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for done, (member, name) in enumerate(chosen):
                if should_stop and should_stop():
                    return 0
                if on_progress:
                    on_progress(done, len(chosen))
                _unpack(opened, member, partial / name)
            if on_progress:
                on_progress(len(chosen), len(chosen))
            partial.chmod(0o755)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)  # not there any more after the rename
    return len(chosen)


def _opened(archive: Path) -> zipfile.ZipFile:
    _check_directory(archive)
    return zipfile.ZipFile(archive)


@contextmanager
def _damage_explained(archive: Path) -> Iterator[None]:
    """Turns what zipfile and zlib raise into an IngestionError; a place beyond the file makes an OSError of no disk."""
    try:
        yield
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error),
        OSError,
    ) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise IngestionError(
            f"Expected a whole ZIP file; {archive.name} is damaged or cut short ({error}). "
            "Get it again."
        ) from error


def _check_directory(archive: Path) -> None:
    """Refuses a table of contents that would not fit into memory, before zipfile reads it."""
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0:
        raise zipfile.BadZipFile("it has no table of contents")
    (num_bytes,) = struct.unpack_from("<L", tail, end + 12)
    wide = tail.rfind(b"PK\x06\x06", 0, end)  # ZIP64 says it a second time, in 8 bytes
    if wide >= 0:
        (num_bytes,) = struct.unpack_from("<Q", tail, wide + 40)
    if num_bytes > _MAX_DIRECTORY_BYTES:
        raise IngestionError(
            f"Expected a table of contents of at most {_MAX_DIRECTORY_BYTES >> 20} MiB; {archive.name} "
            f"has one of {num_bytes >> 20} MiB. Split the archive."
        )


def _checked(opened: zipfile.ZipFile, limits: ArchiveLimits) -> list[zipfile.ZipInfo]:
    """Checks every member and returns those that are files."""
    members = opened.infolist()
    if len(members) > limits.num_files:
        raise IngestionError(
            f"Expected at most {limits.num_files} files in an archive; got {len(members)}. Split it."
        )
    for member in members:
        _check_name(member)
        _check_kind(member)
    _check_overlaps(members)
    return [member for member in members if not member.is_dir()]


def _check_name(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename  # zipfile itself cuts at a zero byte
    parts = name.removesuffix("/").split("/")
    harmless = (
        not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in name)
        and not set(name) & set('\\:*?"<>|')
        and all(part.strip(". ") for part in parts)
        and all(len(part.encode("utf-8", "replace")) <= _MAX_PART for part in parts)
    )
    if not harmless:
        raise IngestionError(
            f"Expected plain names below one folder; got {ascii(name)[:120]}, which leads elsewhere or "
            "holds signs that no file name should. Pack the archive anew without it."
        )


def _check_kind(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(member, "a link or device")
    if member.flag_bits & 0x41:
        raise _refused(member, "encrypted")
    if member.compress_type not in _READ:
        raise _refused(member, f"packed by method {member.compress_type}")


def _refused(member: zipfile.ZipInfo, what: str) -> IngestionError:
    return IngestionError(
        f"Expected plain files and folders, stored or deflated; {member.filename[:120]} is {what}. Pack the "
        "archive anew without it."
    )


def _check_overlaps(members: list[zipfile.ZipInfo]) -> None:
    """Refuses archives in which two members share bytes: a few megabytes would unpack to petabytes."""
    in_order = sorted(members, key=lambda member: member.header_offset)
    for first, second in pairwise(in_order):
        if first.header_offset + _LOCAL_HEADER + first.compress_size > second.header_offset:
            raise IngestionError(
                f"Expected every file to have bytes of its own; {first.filename[:120]} and "
                f"{second.filename[:120]} share some. This archive was made to do harm: do not use it."
            )


def _chosen(
    members: list[zipfile.ZipInfo], wanted: Callable[[str], str | None] | None
) -> list[tuple[zipfile.ZipInfo, str]]:
    """Returns the members to unpack with their new names, which must differ on any file system."""
    chosen, taken, folders = [], set(), set()
    for member in members:
        name = wanted(member.filename) if wanted else member.filename
        if name is None:
            continue
        parts = unicodedata.normalize("NFC", name).casefold().split("/")
        plain = "/".join(parts)
        if plain in taken:
            raise IngestionError(
                f"Expected every name once; got {name[:120]} twice. Pack the archive anew."
            )
        taken.add(plain)
        folders.update("/".join(parts[:count]) for count in range(1, len(parts)))
        chosen.append((member, name))
    if clash := taken & folders:
        raise IngestionError(
            f"Expected {min(clash)[:120]} to be a file or a folder; got both. Pack the archive anew."
        )
    return chosen


def _check_size(
    chosen: list[tuple[zipfile.ZipInfo, str]], limits: ArchiveLimits, target: Path
) -> None:
    """Checks sizes before anything is unpacked; no member can grow beyond its declared size."""
    for member, name in chosen:
        if member.file_size > MAX_FILE_BYTES:
            raise IngestionError(
                f"Expected files of at most {MAX_FILE_BYTES >> 20} MiB; {name[:120]} would have "
                f"{member.file_size >> 20} MiB. No mammogram is that large; leave it out."
            )
    total = sum(member.file_size for member, _ in chosen)
    packed = sum(member.compress_size for member, _ in chosen)
    if total > limits.trusted_bytes and total > limits.ratio * packed:
        raise IngestionError(
            f"Expected files packed at most {limits.ratio} to 1; these would grow from {packed / 1e6:.0f} to "
            f"{total / 1e6:.0f} MB. If you know them, unpack them yourself and give the folder."
        )
    existing = next(folder for folder in target.absolute().parents if folder.is_dir())
    room = min(limits.num_bytes, shutil.disk_usage(existing).free - _KEPT_FREE)
    if total > room:
        raise IngestionError(
            f"Expected at most {max(0, room) / 1e6:.0f} MB to unpack, which is what the limit and the disk "
            f"leave; got {total / 1e6:.0f} MB. Free some space or split the archive."
        )


def _unpack(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Writes one member; zipfile stops at its declared size and compares its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as packed, path.open("xb") as file:
        shutil.copyfileobj(packed, file, _CHUNK)
