"""Draws masses side by side as one PNG, with captions and a note of what they are."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.figures.provenance import RESEARCH_USE, Provenance, with_png_facts
from mammo_core.text.untrusted import single_line

SYNTHETIC_USE = f"Synthetic. {RESEARCH_USE}"
_GAP, _LINE, _MOST_COLUMNS = 8, 18, 8
_PAPER, _INK = 255, 0


def contact_sheet(
    images: Sequence[np.ndarray], captions: Sequence[str], provenance: Provenance
) -> bytes:
    """Draws a PNG file, 8 bit grey: title, the images as they are, a caption under each, `SYNTHETIC_USE` and the notes.

    Args:
        images: (H, W) uint8, all of one shape.
        captions: One per image.

    Raises:
        InvalidRequestError: If there is no image, or the shapes differ.
    """
    validate.at_least(1, images=len(images))
    if len({image.shape for image in images}) != 1:
        raise InvalidRequestError(
            "Expected images of one size; got several. Put those of each size on a sheet of their own."
        )
    height, width = images[0].shape
    columns = min(_MOST_COLUMNS, len(images))
    cell_width = max(width, 128) + _GAP
    cell_height = height + _LINE + _GAP
    sheet_width = max(columns * cell_width + _GAP, 480)
    foot = [SYNTHETIC_USE, *provenance.notes]
    lines = [part for note in foot for part in _wrapped(note, sheet_width - 2 * _GAP)]
    rows = -(-len(images) // columns)
    top = _GAP + 2 * _LINE
    grid_end = top + rows * cell_height
    sheet = Image.new("L", (sheet_width, grid_end + _LINE * len(lines) + 2 * _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP, _GAP), provenance.title, size=16)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = _GAP + index % columns * cell_width
        upper = top + index // columns * cell_height
        sheet.paste(Image.fromarray(image), (left, upper))
        _write(draw, (left, upper + height + 2), single_line(caption, 24))
    for number, line in enumerate(lines):
        _write(draw, (_GAP, grid_end + _GAP + number * _LINE), line)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return with_png_facts(content.getvalue(), provenance)


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, *, size: int = 12) -> None:
    draw.text(place, _ascii(text), fill=_INK, font=ImageFont.load_default(size))


def _ascii(text: str) -> str:
    """What Pillow's own font can draw."""
    for letter, name in (("ε", "epsilon"), ("δ", "delta"), ("∞", "infinity"), ("–", "-")):
        text = text.replace(letter, name)
    return text.encode("ascii", "replace").decode()


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words that fit into a width in pixels."""
    font = ImageFont.load_default(12)
    lines = [""]
    for word in _ascii(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]
