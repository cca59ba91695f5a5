"""Finds which column of a table says benign or malignant, and reads it."""

from __future__ import annotations

from dataclasses import dataclass

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.details import label_from_word, without_decimals
from mammo_core.ingestion.imports.tables import Table
from mammo_core.labels import label_from_is_benign

LABEL = ("label", "pathology", "class", "diagnosis", "malignant", "is_malignant", "is_benign")
_MEANS_BENIGN = "is_benign"
_FLAGS = {"0": "0", "false": "0", "no": "0", "1": "1", "true": "1", "yes": "1"}


@dataclass(frozen=True)
class LabelColumn:
    """A column of labels, and what it says in each row: BENIGN, MALIGNANT, or None for other words."""

    name: str
    labels: list[int | None]


def label_column(table: Table) -> LabelColumn:
    """Reads the labels of a table, of several columns those that are understood in most rows.

    Raises:
        IngestionError: If no column is called like one, or two that are understood everywhere contradict.
    """
    table.required(*LABEL)
    columns = [read_labels(table, name) for name in LABEL if table.find(name)]
    best = max(columns, key=lambda column: sum(label is not None for label in column.labels))
    for other in columns:
        if _is_understood(table, other) and _is_understood(table, best):
            _check_agreement(table, best, other)
    return best


def read_labels(table: Table, name: str) -> LabelColumn:
    """Reads one column as labels."""
    words = {word: _label(word, name) for word in set(table.column(name))}
    return LabelColumn(name, [words[word] for word in table.column(name)])


def _label(word: str, name: str) -> int | None:
    if name != _MEANS_BENIGN:
        return label_from_word(word)
    flag = _FLAGS.get(without_decimals(word).lower())
    return None if flag is None else label_from_is_benign(flag)


def _is_understood(table: Table, column: LabelColumn) -> bool:
    cells = table.column(column.name)
    return all(label is not None for label, cell in zip(column.labels, cells, strict=True) if cell)


def _check_agreement(table: Table, one: LabelColumn, other: LabelColumn) -> None:
    for row, (first, second) in enumerate(zip(one.labels, other.labels, strict=True)):
        if None not in (first, second) and first != second:
            raise IngestionError(
                f"Expected one label in each row of {table.name}; its columns {one.name} and {other.name} "
                f"contradict each other in line {table.line(row)}. Rename or remove the one that is no label."
            )
