"""Holds a grey image in stored values, its table of 8-bit display grey, and boxes on it.

Up to 16 bits, everything DICOM says of display is one table: rescaling, window, inversion. So only what
is shown is ever converted. `formats` reads files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.limits import MAX_PIXELS


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: rows top to top + height, columns left to left + width.

    It may reach over the edges of an image.

    Raises:
        IngestionError: If it is empty or beyond any image that is read.
    """

    top: int
    left: int
    height: int
    width: int

    def __post_init__(self) -> None:
        reach = max(abs(self.top), abs(self.left), self.height, self.width)
        if not (self.height >= 1 and self.width >= 1 and reach <= MAX_PIXELS):
            raise IngestionError(
                f"Expected a box at least 1 pixel high and wide; got {self.height}×{self.width} at row "
                f"{self.top}, column {self.left}. Check the order of its numbers."
            )

    def overlaps(self, shape: tuple[int, int]) -> bool:
        """Checks whether some pixel of an image (H, W) lies inside."""
        return (
            self.top < shape[0]
            and self.left < shape[1]
            and self.top + self.height > 0
            and self.left + self.width > 0
        )

    def inside(self, shape: tuple[int, int]) -> bool:
        """Checks whether all of the box lies on an image (H, W)."""
        return (
            min(self.top, self.left) >= 0
            and self.top + self.height <= shape[0]
            and self.left + self.width <= shape[1]
        )

    def scaled(self, from_shape: tuple[int, int], to_shape: tuple[int, int]) -> Box:
        """Returns the same place on an image of another size, each edge rounded to the nearest pixel."""
        down, right = to_shape[0] / from_shape[0], to_shape[1] / from_shape[1]
        top, left = round(self.top * down), round(self.left * right)
        return Box(
            top=top,
            left=left,
            height=max(1, round((self.top + self.height) * down) - top),
            width=max(1, round((self.left + self.width) * right) - left),
        )


@dataclass(frozen=True)
class Coding:
    """The meaning of stored bit patterns.

    Attributes:
        bits: Bits in use, counted from the lowest; those above are ignored.
        signed: Whether they are a two's complement.
        inverted: Whether the smallest value is the brightest (MONOCHROME1).
    """

    bits: int
    signed: bool = False
    inverted: bool = False

    def values(self) -> np.ndarray:
        """Returns the number (2^bits,) int64 that every pattern of the bits in use stands for."""
        patterns = np.arange(2**self.bits)
        if not self.signed:
            return patterns
        return np.where(patterns >= 2 ** (self.bits - 1), patterns - 2**self.bits, patterns)

    def for_patterns(self, table: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Repeats a table (2^bits,) for every pattern of a stored type, whatever its unused bits hold."""
        return np.tile(table, 2 ** (8 * dtype.itemsize - self.bits))


def linear_table(values: np.ndarray, low: float, high: float, *, inverted: bool) -> np.ndarray:
    """Maps values (N,) to grey (N,) uint8: 0 up to `low`, 255 from `high` on, reversed if `inverted`."""
    share = ((values - low) / max(high - low, 1e-9)).clip(0, 1)
    return np.rint(255 * (1 - share if inverted else share)).astype(np.uint8)


@dataclass(frozen=True, eq=False, kw_only=True)
class GreyImage:
    """One grey image with what may be told of it.

    Attributes:
        stored: (H, W) uint8 or uint16, bit patterns as stored, signed values too.
        table: (256,) or (65536,) uint8, the display grey of every bit pattern.
        coding: What the bit patterns stand for.
        spacing_mm: Distance of pixel centres in the breast or at the detector; None if not said or not square.
        kind: "dicom" or "raster".
        patient_id: The identifier in the file, "" if none. Never to be written: see `pseudonyms`.
        image_id: The SOP Instance UID, "" if none. Never to be written either.
        facts: What identifies nobody, each value from a fixed vocabulary: modality, laterality, view, side of the
            chest wall, bits, photometric, transfer syntax, intent.
        warnings: What a user should know, one sentence each.
    """

    stored: np.ndarray = field(repr=False)
    table: np.ndarray = field(repr=False)
    coding: Coding
    kind: Literal["dicom", "raster"]
    spacing_mm: float | None = None
    patient_id: str = field(default="", repr=False)
    image_id: str = field(default="", repr=False)
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.stored.shape

    def grey(self, box: Box | None = None) -> np.ndarray:
        """Returns display grey (h, w) uint8 of a box or the whole image; edge pixels repeat beyond the edge.

        Raises:
            IngestionError: If the box lies beside the image.
        """
        return self.table[self._cut(box)]

    def ranged_grey(self, box: Box | None = None) -> np.ndarray:
        """Returns grey like `grey`, scaled from the whole image's darkest pixel (0) to its brightest (255).

        Not how it is meant to be displayed, but what much published code does.
        """
        return self._ranged_table[self._cut(box)]

    @cached_property
    def _ranged_table(self) -> np.ndarray:
        values = self.coding.values()
        if self.coding.bits == 8 * self.stored.itemsize:
            numbers = self.stored.view(
                f"{'i' if self.coding.signed else 'u'}{self.stored.itemsize}"
            )
        else:  # unused bits may hold anything
            counts = np.bincount(self.stored.ravel() & (len(values) - 1))
            numbers = values[np.flatnonzero(counts)]
        low, high = int(numbers.min()), int(numbers.max())
        table = linear_table(values, low, high, inverted=self.coding.inverted)
        return self.coding.for_patterns(table, self.stored.dtype)

    def require(self, box: Box) -> None:
        """Raises IngestionError if no pixel of the image lies in the box."""
        if not box.overlaps(self.shape):
            raise IngestionError(
                f"Expected a box on the image of {self.shape[0]}×{self.shape[1]} pixels; got rows "
                f"{box.top} to {box.top + box.height}, columns {box.left} to {box.left + box.width}. "
                "Check that the box belongs to this image and is given in its pixels."
            )

    def _cut(self, box: Box | None) -> np.ndarray:
        if box is None:
            return self.stored
        self.require(box)
        if box.inside(self.shape):
            return self.stored[box.top : box.top + box.height, box.left : box.left + box.width]
        rows = np.arange(box.top, box.top + box.height).clip(0, self.shape[0] - 1)
        columns = np.arange(box.left, box.left + box.width).clip(0, self.shape[1] - 1)
        return self.stored[rows[:, None], columns]
