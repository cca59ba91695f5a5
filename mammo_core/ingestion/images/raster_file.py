"""Reads PNG, JPEG and TIFF as grey images of 8 or 16 bits. Colour is read only where it shows grey."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.display import NO_WINDOW, fallback_window
from mammo_core.ingestion.images.grey import Coding, GreyImage, linear_table
from mammo_core.ingestion.images.limits import MAX_PIXELS, refusing_damage

_FORMATS = ("PNG", "JPEG", "TIFF")
_ORIENTATION = 0x0112  # the EXIF tag: 1 is upright
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_MIN_IS_WHITE = 0


def read_raster(source: Path | bytes, name: str) -> GreyImage:
    """Reads one image; `name` is what messages call it.

    Raises:
        IngestionError: If it is damaged, too large, has several pages, or shows colour.
    """
    with (
        refusing_damage(name, "an undamaged PNG, JPEG or TIFF"),
        _refusing_bombs(name),
        Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS
        ) as image,
    ):
        _check(image, name)
        negative = _tag(image, _PHOTOMETRIC) == _MIN_IS_WHITE
        turned = image.getexif().get(_ORIENTATION, 1) != 1
        image.load()
        pixels, bits = _grey_pixels(image, name)
        if negative and bits == 16:  # of 8 bits and less, Pillow turns them
            pixels = (2**16 - 1) - pixels
    facts = {"bits": str(bits)}
    warnings = []
    if turned:
        warnings.append("The file asks to be shown turned or mirrored; it was read as stored.")
    coding = Coding(bits=bits)
    if bits == 8:
        table = np.arange(256, dtype=np.uint8)
    else:
        values = coding.values()
        low, high = fallback_window(pixels, values)
        table = linear_table(values, low, high, inverted=False)
        warnings.append(NO_WINDOW)
    return GreyImage(
        stored=pixels,
        table=table,
        coding=coding,
        kind="raster",
        facts=facts,
        warnings=tuple(warnings),
    )


@contextmanager
def _refusing_bombs(name: str) -> Iterator[None]:
    """Says of files that unpack to too much that they do, and not that they are damaged."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise IngestionError(
            f"Expected at most {MAX_PIXELS:,} pixels; {name} says it has more. Cut it or "
            "export it smaller."
        ) from error
    except ValueError as error:
        if "too large" not in str(error):  # as Pillow says of texts and profiles beside the pixels
            raise
        raise IngestionError(
            f"Expected an image of at most {MAX_PIXELS:,} pixels with little else; {name} holds a text or colour "
            "profile that unpacks to more than is read. Save it again without."
        ) from error


def _check(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise IngestionError(
            f"Expected at most {MAX_PIXELS:,} pixels; {name} says it has {image.width}×{image.height}. "
            "Cut it or export it smaller."
        )
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        raise IngestionError(f"Expected one image; {name} has {pages} pages. Save each on its own.")
    if not image.mode.startswith(("I", "F")) and _has_deep_channels(image):
        raise IngestionError(
            f"Expected 8 bits per channel, or one grey channel of 16; {name} has channels of 16 bits (colour, or grey "
            "with transparency), which would lose their lower half. Save it as 16-bit greyscale."
        )


def _tag(image: Image.Image, number: int) -> Any:
    """Returns a tag of a TIFF; None if it has no such tag, or is no TIFF."""
    return image.tag_v2.get(number) if isinstance(image, TiffImageFile) else None


def _has_deep_channels(image: Image.Image) -> bool:
    """Checks whether a channel has more than 8 bits in the file, as Pillow's tiles and TIFF's tags tell."""
    depths = _tag(image, _BITS_PER_SAMPLE) or ()
    tiles = getattr(image, "tile", ())
    return max(depths, default=0) > 8 or any(";16" in str(tile.args) for tile in tiles)


def _grey_pixels(image: Image.Image, name: str) -> tuple[np.ndarray, int]:
    """Converts to grey (H, W): uint8 and 8, or uint16 and 16."""
    if image.mode.startswith("I"):  # 16-bit grey, in either byte order
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() >= 2**16:
            raise IngestionError(f"Expected 8 or 16 bits; {name} has more. Save it with 16 bits.")
        return pixels.astype(np.uint16), 16
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")), 8
    if image.mode in ("P", "PA", "LA", "RGB", "RGBA", "YCbCr"):
        channels = np.asarray(image.convert("RGBA"))
        red = channels[..., 0]
        if (channels[..., 3] == 255).all() and (channels[..., 1:3] == red[..., None]).all():
            return red.copy(), 8
        raise IngestionError(
            f"Expected a grey image; {name} shows colour or is partly transparent. Save it as greyscale."
        )
    raise IngestionError(
        f"Expected 8- or 16-bit grey; {name} is stored as {image.mode}. Save it as greyscale."
    )
