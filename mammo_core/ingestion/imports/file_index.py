"""Finds files by the names that tables give them, whatever became of separators, quotes and folders."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_UID = re.compile(r"\d+(\.\d+){3,}")


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


def named_parts(text: str) -> tuple[str, ...]:
    """Splits a path as a table writes it into parts, in lower case.

    Example:
        >>> named_parts('"Mass-Test_P_00016/1.3.6/1.3.7\\\\000000.dcm\\n"')
        ('mass-test_p_00016', '1.3.6', '1.3.7', '000000.dcm')
    """
    parts = re.split(r"[\\/]+", text.strip("\"' \t\r\n"))
    return tuple(part.strip("\"' \t\r\n").lower() for part in parts if part.strip("\"' .\t\r\n"))


@dataclass(frozen=True, eq=False)
class FolderIndex:
    """The folders of an archive that hold files, to be found by a path or a series UID.

    Two layouts of the NBIA Data Retriever are known: folders named by UIDs (CASE/STUDY/SERIES), and by
    description, where dates and the last five digits of the UIDs remain (CASE/DATE-…-STUDY/N-…-SERIES).
    """

    _files: dict[tuple[str, ...], list[Path]] = field(default_factory=dict)
    _by_last: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    _by_case: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> FolderIndex:
        """Walks through an archive once."""
        files: dict[tuple[str, ...], list[Path]] = defaultdict(list)
        for path in all_files(root):
            parts = path.relative_to(root).parent.parts
            files[tuple(part.lower() for part in parts)].append(path)
        by_last, by_case = defaultdict(list), defaultdict(list)
        for parts in files:
            if parts:
                by_last[parts[-1]].append(parts)
            for part in parts[:-1]:
                by_case[part].append(parts)
        return cls(dict(files), dict(by_last), dict(by_case))

    def files_like(self, text: str) -> list[Path]:
        """Finds the files in the folder that a path of a table means, the one of that name first.

        Returns:
            An empty list if no folder fits, or several do.
        """
        *folders, name = named_parts(text) or ("",)
        found = self._folder(tuple(folders))
        files = self._files.get(found, []) if found is not None else []
        return sorted(files, key=lambda path: (path.name.lower() != name, path.name))

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
