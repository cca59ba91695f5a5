"""Finds files by the names that tables give them, whatever became of separators, quotes and folders."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

_UID = re.compile(r"\d+(\.\d+){3,}")
_NAMED_BY_UID = re.compile(r"[a-z]+_(\d+(\.\d+){3,})")


def all_files(folder: Path) -> Iterator[Path]:
    """Yields all files below a folder in a fixed order, without hidden ones and DICOMDIRs.

    Links to files are followed, as stores of large data are full of them; links to folders are not.
    """
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and name.upper() != "DICOMDIR" and path.is_file():
                yield path


def plain_name(text: str) -> str:
    """Spells a name as names are compared: in lower case, ä as one character however it was written."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).lower()


def named_parts(text: str) -> tuple[str, ...]:
    """Splits a path as a table writes it into parts, spelled as by `plain_name`.

    Example:
        >>> named_parts('"Mass-Test_P_00016/1.3.6/1.3.7\\\\000000.dcm\\n"')
        ('mass-test_p_00016', '1.3.6', '1.3.7', '000000.dcm')
    """
    parts = re.split(r"[\\/]+", text.strip("\"' \t\r\n"))
    return tuple(
        plain_name(part.strip("\"' \t\r\n")) for part in parts if part.strip("\"' .\t\r\n")
    )


@dataclass(frozen=True, eq=False)
class FolderIndex:
    """The folders of an archive that hold files, to be found by a path or a series UID.

    Layouts that are known: folders named by UIDs (CASE/STUDY/SERIES), by a modality and a UID
    (PATIENT/STUDY/MG_SERIES), and by description, where dates and the last five digits of the UIDs remain
    (CASE/DATE-…-STUDY/N-…-SERIES). In any other, `with_series` finds files by the UID in their headers.
    """

    _files: dict[tuple[str, ...], list[Path]] = field(default_factory=dict)
    _by_last: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    _by_case: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    _by_series: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> FolderIndex:
        """Walks through an archive once."""
        files: dict[tuple[str, ...], list[Path]] = defaultdict(list)
        for path in all_files(root):
            parts = path.relative_to(root).parent.parts
            files[tuple(map(plain_name, parts))].append(path)
        by_last, by_case = defaultdict(list), defaultdict(list)
        for parts in files:
            if parts:
                by_last[parts[-1]].append(parts)
                if match := _NAMED_BY_UID.fullmatch(parts[-1]):
                    by_last[match[1]].append(parts)
            for part in parts[:-1]:
                by_case[part].append(parts)
        return cls(dict(files), dict(by_last), dict(by_case))

    def with_series(self, files: Mapping[str, Sequence[Path]]) -> FolderIndex:
        """Returns the index with the files of each Series Instance UID, for paths that no folder fits."""
        return replace(self, _by_series=files)

    @property
    def files(self) -> list[Path]:
        """All files."""
        return [path for paths in self._files.values() for path in paths]

    def files_like(self, text: str) -> list[Path]:
        """Finds the files in the folder that a path of a table means, the one of that name first.

        Returns:
            An empty list if no folder fits, or several do.
        """
        *folders, name = named_parts(text) or ("",)
        found = self._folder(tuple(folders))
        files = self._files.get(found, []) if found is not None else []
        if not files and folders:
            files = self._by_series.get(folders[-1], [])
        return sorted(files, key=lambda path: (plain_name(path.name) != name, path.name))

    def _folder(self, wanted: tuple[str, ...]) -> tuple[str, ...] | None:
        if not wanted:
            return () if () in self._files else None
        same_end = [
            parts for parts in self._by_last.get(wanted[-1], []) if parts[-len(wanted) :] == wanted
        ]
        for candidates in (same_end, self._by_last.get(wanted[-1], []), self._described(wanted)):
            if len(candidates) == 1:
                return candidates[0]
        return None

    def _described(self, wanted: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Folders of the case whose names end with the last digits of study and series."""
        if len(wanted) < 3 or not all(_UID.fullmatch(uid) for uid in wanted[-2:]):
            return []
        case, study, series = wanted[-3:]
        return [
            parts
            for parts in self._by_case.get(case, [])
            if len(parts) > 1
            and parts[-2].endswith(f"-{study[-5:]}")
            and parts[-1].endswith(f"-{series[-5:]}")
        ]
