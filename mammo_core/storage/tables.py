"""Tables as CSV that spreadsheet programs may open, and as Parquet that says where it is from.

A spreadsheet takes a cell that begins with = + - @, a tab or a carriage return for a formula, and formulas can
read files and call out. Names come from outside, so such a cell of text gets an apostrophe in front:
`read_csv` takes it off again. Numbers, also negative ones, stay as they are.

Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def escape_formula(cell: object) -> object:
    """Returns a cell that no spreadsheet runs; anything but text as it is.

    Example:
        >>> (
        ...     escape_formula("=1+1"),
        ...     escape_formula("-1.5"),
        ...     escape_formula(-2),
        ...     escape_formula("'-x"),
        ... )
        ("'=1+1", '-1.5', -2, "''-x")
    """
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}"


def unescape_formula(cell: object) -> object:
    """Inverts `escape_formula`.

    Example:
        >>> unescape_formula(escape_formula("@name"))
        '@name'
    """
    return cell[1:] if isinstance(cell, str) and _NEUTRALISED.match(cell) else cell


def safe_csv(table: pd.DataFrame) -> str:
    """Writes a table as CSV, without its index, safe to open in a spreadsheet."""
    return _each_cell(table, escape_formula).to_csv(index=False, lineterminator="\n")


def read_csv(source: Path | str | io.TextIOBase, **options: Any) -> pd.DataFrame:
    """Reads what `safe_csv` wrote, with its texts as they were; options as of `pandas.read_csv`."""
    return _each_cell(pd.read_csv(source, **options), unescape_formula)


def parquet(table: pd.DataFrame, facts: Mapping[str, str]) -> bytes:
    """Writes a table as Parquet, without its index, with facts about it in its key-value metadata.

    Columns that hold values of several kinds are written as JSON texts.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    plain = table.reset_index(drop=True)
    for column, values in plain.items():
        if len({type(value) for value in values.dropna()}) > 1:
            plain[column] = plain[column].map(lambda value: json.dumps(value, default=str))
    written = pa.Table.from_pandas(plain, preserve_index=False)
    known = written.schema.metadata or {}
    added = {key.encode(): value.encode() for key, value in facts.items()}
    content = io.BytesIO()
    pq.write_table(written.replace_schema_metadata({**known, **added}), content)
    return content.getvalue()


def _each_cell(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """Names of columns too; columns of numbers and dates are not gone through."""
    changed = table.rename(columns=change)
    texts = [
        position
        for position, dtype in enumerate(changed.dtypes)
        if not pd.api.types.is_numeric_dtype(dtype)
        and not pd.api.types.is_datetime64_any_dtype(dtype)
    ]
    return changed.assign(
        **{changed.columns[place]: changed.iloc[:, place].map(change) for place in texts}
    )
