"""Reads where masses are from columns of a table, in the spellings that data sets use.

    corners             xmin, ymin, xmax, ymax (VinDr-Mammo, VinBigData); x1, y1, x2, y2; left, top, right, bottom
    corner and size     x, y, width, height (COCO); left, top, w, h
    centre and size     x_center, y_center, width, height, in pixels
    circle              x_center, y_center, radius; with y_from_bottom for y_center where y counts upwards
    lists in one cell   bbox: x, y, width, height; bbox_xyxy: corners; ROI_coords: ymin, xmin, ymax, xmax (EMBED)

A prefix like bbox_ or roi_ may stand before each name. All are pixels, counted from the top left corner. MIAS
counts y from the bottom: its x, y and radius are read so where the files are called as MIAS calls them.

What looks like a place and is none of these refuses the table: no place means that a whole image is the mass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.crops import Box
from mammo_core.ingestion.imports.place_names import Order, families, lists
from mammo_core.ingestion.imports.tables import Table, decimal_mark, number

_SHARE = (-0.5, 1.5)  # numbers that only make sense as shares of an image
_GROUP = re.compile(r"[\[(]([^\[\]()]*)[\])]")


@dataclass(frozen=True)
class PlaceColumns:
    """Columns of a table that say where masses are.

    Attributes:
        names: Of the columns.
        order: What their numbers are.
        from_bottom: Whether rows are counted from the bottom of the image; so are those of the boxes read.
    """

    table: Table
    names: tuple[str, ...]
    order: Order
    from_bottom: bool = False

    @property
    def said(self) -> str:
        """Says what is read, for whoever imports."""
        how = {
            "corners": "corners of a box",
            "size": "a corner of a box with its width and height",
            "centre": "the centre of a box with its width and height",
            "circle": "a circle",
            "yxyx": "boxes as ymin, xmin, ymax, xmax",
        }[self.order]
        return (
            f"Places of masses are read from {', '.join(self.names)}: {how}, in pixels"
            f"{', with y counted from the bottom, as MIAS does' if self.from_bottom else ''}."
        )

    def rows(self) -> Iterator[list[Box] | IngestionError]:
        """Yields the boxes of every row, or why they cannot be read.

        Raises:
            IngestionError: If the numbers of all rows are shares of the image.
        """
        found = list(self._numbers())
        shares = [_are_shares(one) for one in found]
        given = [isinstance(one, list) and bool(one) for one in found]
        if any(given) and shares == given:
            line = self.table.line(given.index(True))
            raise IngestionError(
                f"Expected {', '.join(self.names)} of {self.table.name} in pixels; got shares of the image, as "
                f"YOLO writes them, in line {line} and all others. Multiply them by the image's width and height."
            )
        for numbers, is_share in zip(found, shares, strict=True):
            if isinstance(numbers, IngestionError):
                yield numbers
            elif is_share:
                yield IngestionError(
                    f"Expected {', '.join(self.names)} in pixels; got numbers up to 1, which mark no mass. "
                    "Correct the row."
                )
            else:
                try:
                    yield [self._box(one) for one in numbers]
                except IngestionError as error:
                    yield error

    def _numbers(self) -> Iterator[list[tuple[float, ...]] | IngestionError]:
        """Yields the groups of numbers of every row; none where a row says nothing."""
        columns = [self.table.column(name) for name in self.names]
        if len(columns) == 1:
            for cell in columns[0]:
                yield _listed(cell)
            return
        mark = decimal_mark(cell for cells in columns for cell in cells)
        doubted = ",." if self.table.delimiter == ";" else ","
        for cells in zip(*columns, strict=True):
            if not any(cells):
                yield []
                continue
            try:
                numbers = [number(cell, mark, doubted=doubted) for cell in cells]
            except IngestionError as error:
                yield error
                continue
            read = tuple(one for one in numbers if one is not None and math.isfinite(one))
            if len(read) == len(cells):
                yield [read]
            else:
                yield IngestionError(
                    f"Expected {len(cells)} numbers as {', '.join(self.names)}; got a cell that is none. "
                    "Correct the row."
                )

    def _box(self, numbers: Sequence[float]) -> Box:
        match self.order, numbers:
            case "corners", (left, top, right, bottom):
                pass
            case "yxyx", (top, left, bottom, right):
                pass
            case "size", (left, top, width, height):
                right, bottom = left + width, top + height
            case "centre", (x, y, width, height):
                left, top, right, bottom = (
                    x - width / 2,
                    y - height / 2,
                    x + width / 2,
                    y + height / 2,
                )
            case "circle", (x, y, radius):
                left, top, right, bottom = x - radius, y - radius, x + radius, y + radius
            case order, _:
                raise AssertionError(f"{len(numbers)} numbers as {order}")
        return Box(round(top), round(left), round(bottom - top), round(right - left))


def place_columns(table: Table) -> PlaceColumns | None:
    """Finds the columns that say where masses are; None if none are understood.

    Raises:
        IngestionError: If two sets of them differ.
    """
    understood = [PlaceColumns(table, *astuple(found)) for found in families(table)]
    understood += _lists(table)
    return _agreeing(understood) if understood else None


def _lists(table: Table) -> Iterator[PlaceColumns]:
    """Finds columns with all numbers of a box in one cell."""
    for found in lists(table):
        (name,) = found.names
        cells = [cell for cell in table.column(name) if cell]
        if any(map(_listed_boxes, cells)):
            yield PlaceColumns(table, found.names, _decided(table, name, found.order, cells))


def _decided(table: Table, name: str, order: Order, cells: Iterable[str]) -> Order:
    """Tells x, y, width, height from corners where a name alone does not.

    A number that cannot be a corner, as it is not right of or below the first one, proves a width or height.
    """
    if order != "undecided":
        return order
    boxes = [box for cell in cells for box in _listed_boxes(cell)]
    if any(third <= left or fourth <= top for left, top, third, fourth in boxes):
        return "size"
    if all(_are_shares([box]) for box in boxes):
        return "size"  # refused as shares
    raise IngestionError(
        f"Expected {name} of {table.name} to be x, y, width, height; its numbers may be corners as well. Call it "
        "bbox_xywh, or bbox_xyxy for corners (xmin, ymin, xmax, ymax)."
    )


def _listed_boxes(cell: str) -> list[tuple[float, ...]]:
    found = _listed(cell)
    return [] if isinstance(found, IngestionError) else found


def _listed(cell: str) -> list[tuple[float, ...]] | IngestionError:
    """Reads the boxes of four numbers in a cell like ((165, 85, 235, 155),)."""
    groups = _GROUP.findall(cell) if re.search(r"[\[(]", cell) else [cell]
    rest = _GROUP.sub("", cell) if len(groups) > 1 or groups != [cell] else ""
    found = []
    for group in groups:
        words = [word for word in re.split(r"[\s,;]+", group.strip()) if word]
        numbers = tuple(value for word in words if (value := number(word, ".")) is not None)
        if words and (len(numbers) != 4 or len(words) != 4 or not all(map(math.isfinite, numbers))):
            break
        found += [numbers] if words else []
    else:
        if not re.search(r"[^\s,\[\]()]", rest):
            return found
    return IngestionError("Expected four numbers for each box; got others. Correct the row.")


def _agreeing(understood: list[PlaceColumns]) -> PlaceColumns:
    """Returns the first of several sets of columns that say the same.

    Raises:
        IngestionError: If they do not.
    """
    first, *others = understood
    for other in others:
        for line, (one, two) in enumerate(zip(first.rows(), other.rows(), strict=True)):
            if not _same(one, two):
                raise IngestionError(
                    f"Expected one place for each mass; {', '.join(first.names)} and "
                    f"{', '.join(other.names)} of {first.table.name} differ in line "
                    f"{first.table.line(line)}. Remove or rename those that are no places."
                )
    return first


def _same(one: list[Box] | IngestionError, two: list[Box] | IngestionError) -> bool:
    if isinstance(one, IngestionError) or isinstance(two, IngestionError):
        return True
    return not one or not two or (len(one) == len(two) and all(map(_near, one, two)))


def _near(one: Box, two: Box) -> bool:
    sides = (
        (one.top, two.top),
        (one.left, two.left),
        (one.height, two.height),
        (one.width, two.width),
    )
    return all(abs(first - second) <= 2 for first, second in sides)


def _are_shares(groups: list[tuple[float, ...]] | IngestionError) -> bool:
    if isinstance(groups, IngestionError) or not groups:
        return False
    return all(_SHARE[0] <= one <= _SHARE[1] for group in groups for one in group)
