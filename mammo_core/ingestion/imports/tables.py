"""Reads CSV files of any usual encoding and delimiter as text; never evaluates a cell."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.errors import IngestionError

MAX_TABLE_BYTES = 256 << 20
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOTHING = ("", "nan", "na", "n/a", "none", "null", "#n/a")
_QUOTED_FORMULA = re.compile(r'="([^"]*)"')  # how Excel keeps the zeros of 00123
_SEPARATOR_LINE = re.compile(
    r'"?sep=(\\t|[,;|\t])"?[,;|\t]*', re.IGNORECASE
)  # which Excel puts first
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})", re.ASCII)  # a decimal, or thousands
_LONGEST_NUMBER = 64


@dataclass(frozen=True, eq=False)
class Table:
    """The text of a table.

    Attributes:
        name: Of the file, for messages.
        frame: (N, C) of str, stripped, in Unicode's composed form (NFC); "" where nothing, NaN or N/A was
            written. Column names are lower case with one underscore between words. Of columns of one name,
            the first.
        delimiter: Between its cells.
        first_line: Of its rows in the file.
        differing: Names of several columns that say different things; none can be read.
    """

    name: str
    frame: pd.DataFrame
    delimiter: str = ","
    first_line: int = 2
    differing: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return len(self.frame)

    def find(self, *names: str) -> str | None:
        """Returns the first of these names that is a column; None if none is.

        Raises:
            IngestionError: If several columns have that name and say different things.
        """
        name = next((name for name in names if name in self.frame.columns), None)
        if name in self.differing:
            raise IngestionError(
                f"Expected one column {name} in {self.name}; got several that differ. Rename or remove one."
            )
        return name

    def text(self, *names: str) -> pd.Series:
        """Returns the cells (N,) of the first of these columns; all "" if none is there."""
        name = self.find(*names)
        if name is None:
            return pd.Series("", index=self.frame.index, dtype="str")
        return self.frame[name]

    def column(self, *names: str) -> np.ndarray:
        """Returns `text` as an array (N,) of str."""
        return self.text(*names).to_numpy(dtype=object)

    def required(self, *names: str) -> np.ndarray:
        """Returns `column` of columns that must be there.

        Raises:
            IngestionError: If none of these columns is there.
        """
        if self.find(*names) is None:
            raise IngestionError(
                f"Expected a column {' or '.join(names)} in {self.name}; got "
                f"{', '.join(self.frame.columns) or 'no column'}. Add or rename one."
            )
        return self.column(*names)

    def line(self, row: int) -> int:
        """Returns the line of a row in a file without line breaks inside cells."""
        return int(self.frame.index[row]) + self.first_line


def read_table(path: Path) -> Table:
    """Reads a CSV file: comma, semicolon or tab; UTF-8, UTF-16 or Latin-1, with or without a byte order mark.

    Empty lines are left out. A formula is text like any other. A first line like "sep=;" names the delimiter.

    Raises:
        IngestionError: If it is missing, too large, no text, without rows, or if its rows and header don't fit.
    """
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise IngestionError(
                f"Expected a table of at most {MAX_TABLE_BYTES >> 20} MiB; {path.name} has "
                f"{path.stat().st_size >> 20} MiB. Leave out columns that are not needed."
            )
        encoding = _encoding(path)
        with path.open(encoding=encoding, newline="") as file:
            header = _first_line(file)
        said = _SEPARATOR_LINE.fullmatch(header.strip("\r\n "))
        delimiter = said[1].replace("\\t", "\t") if said else max(",;\t", key=header.count)
        frame = pd.read_csv(
            path,
            sep=delimiter,
            skiprows=1 if said else 0,
            encoding=encoding,
            dtype=str,
            header=None,
            keep_default_na=False,
            na_filter=False,
            skipinitialspace=True,
            engine="c",
        )
    except OSError as error:
        raise IngestionError(
            f"Expected a table at {path.name}; the system says: {error.strerror or error}. "
            "Check the path."
        ) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError, csv.Error) as error:
        raise IngestionError(
            f"Expected {path.name} to be a table with one header line and as many cells in each row; "
            f"got: {str(error).strip()}. Save it again as CSV (UTF-8)."
        ) from error
    return _tidy(path.name, frame, delimiter, 3 if said else 2)


def _encoding(path: Path) -> str:
    """Detects the encoding of a whole file; cp1252 for what is not Unicode."""
    with path.open("rb") as file:
        start = file.read(_CHUNK)
        for mark, name in _MARKS:
            if start.startswith(mark):
                return name
        zeros = np.frombuffer(start, np.uint8) == 0
        if zeros.any():
            even, odd = zeros[::2].mean(), zeros[1::2].mean()
            if max(even, odd) > 0.4 and min(even, odd) < 0.05:  # UTF-16 without its mark
                return "utf-16-le" if odd > even else "utf-16-be"
            raise IngestionError(
                f"Expected text in {path.name}; got zero bytes. Save the table as CSV (UTF-8)."
            )
        decoder, chunk = codecs.getincrementaldecoder("utf-8")(), start
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _first_line(file: io.TextIOBase) -> str:
    """Reads the header without what stands in quotes; Excel's line of the delimiter as it is."""
    line = next((line for line in file if line.strip()), "")
    is_separator = _SEPARATOR_LINE.fullmatch(line.strip("\r\n "))
    return line if is_separator else re.sub(r'"[^"]*"', "", line)


def _tidy(name: str, frame: pd.DataFrame, delimiter: str, first_line: int) -> Table:
    """Takes the first row for the header, strips cells and empties those that say nothing."""
    header = [slug(cell) for cell in frame.iloc[0]]
    frame = frame.iloc[1:].reset_index(drop=True)
    if not len(frame):
        raise IngestionError(f"Expected rows below the header of {name}; got none. Check the file.")
    columns: dict[str, pd.Series] = {}
    differing = set()
    for place, column in enumerate(header):
        if not column:
            continue
        cells = _tidy_cells(frame[place])
        if not columns.setdefault(column, cells).equals(cells):
            differing.add(column)
    return Table(name, pd.DataFrame(columns), delimiter, first_line, frozenset(differing))


def _tidy_cells(cells: pd.Series) -> pd.Series:
    cells = cells.str.strip()
    if not cells.map(str.isascii).all():
        cells = cells.str.normalize("NFC")
    cells = cells.mask(cells.str.lower().isin(_NOTHING), "")
    formulas = cells.str.startswith("=")
    if formulas.any():
        cells = cells.mask(formulas, cells.str.replace(_QUOTED_FORMULA, r"\1", regex=True))
    return cells


def slug(cell: str) -> str:
    """Converts a column's name to lower case with one underscore between words.

    Example:
        >>> slug(" ROI mask file-path ")
        'roi_mask_file_path'
    """
    plain = unicodedata.normalize("NFC", cell).strip().lower()
    return re.sub(r"[\W_]+", "_", plain).strip("_")


def decimal_mark(cells: Iterable[str]) -> str:
    """Tells which mark stands before decimals in numbers; "" if no cell proves it, or both marks are proven.

    Example:
        >>> decimal_mark(["1,204", "85,5"]), decimal_mark(["1,204", "85"])
        (',', '')
    """
    proven = {
        mark
        for cell in cells
        for mark in ".,"
        if mark in cell and _NUMBER.fullmatch(cell) and not _GROUPED.fullmatch(cell)
    }
    return proven.pop() if len(proven) == 1 else ""


def number(cell: str, mark: str = "", *, doubted: str = ",") -> float | None:
    """Parses the number in a cell, with a point or a comma before decimals; None for anything else.

    Args:
        mark: Which of them it is, as `decimal_mark` tells; "" if that is not known.
        doubted: Marks that may stand between thousands where `mark` does not say otherwise.

    Raises:
        IngestionError: If it can be read in two ways: 1,204 may be 1204 or 1.204.

    Example:
        >>> number("12,5"), number("-8.5e1"), number("=1+1"), number("1,204", mark=",")
        (12.5, -85.0, None, 1.204)
    """
    if len(cell) > _LONGEST_NUMBER or not _NUMBER.fullmatch(cell):
        return None
    grouped = _GROUPED.fullmatch(cell)
    if grouped and grouped[1][0] != mark and (mark or grouped[1][0] in doubted):
        plain = re.sub("[.,]", "", cell)
        raise IngestionError(
            f"Expected a number that can be read in one way only; {cell} may mean {plain} or "
            f"{cell.replace(',', '.')}. Write it without a mark between thousands."
        )
    return float(cell.replace(",", "."))
