"""Damaged files for `test_hostile_pictures`: seeds of every kind, and random damage that a number fixes."""

import io
import struct
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.images.segmentation import read_segmentation
from tests.ingestion.images.made_dicom import SYNTAXES, baseline_jpeg, breast, made, segmentation

SMALL = (40, 32)  # JPEG 2000 needs 32
RASTERS = {
    "png 8": ("uint8", "png", {}),
    "png 16": ("uint16", "png", {}),
    "jpeg": ("uint8", "jpeg", {}),
    "tiff 8": ("uint8", "tiff", {}),
    "tiff 16 lzw": ("uint16", "tiff", {"compression": "tiff_lzw"}),
}
KINDS = (*(f"dicom {name}" for name in SYNTAXES), "dicom jpeg", *RASTERS)
_EXTREMES = [
    struct.pack(code, value)
    for code, value in (
        *(("<H", value) for value in (0, 1, 0x7FFF, 0x8000, 0xFFFF)),
        *(("<L", value) for value in (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)),
        *((">L", value) for value in (60_000, 0x7FFFFFFF)),
    )
]


@cache
def seed_file(kind):
    """An undamaged small file."""
    if kind in RASTERS:
        dtype, form, options = RASTERS[kind]
        pixels = breast(SMALL, top=np.iinfo(dtype).max).astype(dtype)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, form, **options)
        return file.getvalue()
    if kind == "dicom jpeg":
        return baseline_jpeg(breast(SMALL, top=255).astype(np.uint8))
    syntax = SYNTAXES[kind.removeprefix("dicom ")]
    return made(breast(SMALL), syntax=syntax, WindowCenter=2048, WindowWidth=4096)


def damaged(kind, number):
    """The seed of a kind, damaged; DICOM's preamble stays, it means nothing."""
    first = 128 if kind.startswith("dicom") else 0
    return _damaged(seed_file(kind), first, np.random.default_rng([KINDS.index(kind), number]))


def _damaged(file, first, rng):
    """A file with one to four random damages behind its first bytes."""
    content = bytearray(file)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(first, max(len(content), first + 1)))
        length = int(rng.integers(1, 64))
        match rng.integers(6):
            case 0:
                content[place : place + 1] = rng.bytes(1)
            case 1:
                content[place : place + length] = rng.bytes(length)
            case 2:
                extreme = _EXTREMES[rng.integers(len(_EXTREMES))]
                content[place : place + len(extreme)] = extreme
            case 3:
                del content[place : place + length]
            case 4:
                content[place:place] = content[place : place + length]
            case 5:
                del content[place + length :]
    return bytes(content)


def read_batch(task):
    """Reads damaged files of one kind; [accepted, refused]."""
    counts = [0, 0]
    for number in range(task["first"], task["first"] + task["count"]):
        try:
            picture = read_image(damaged(task["kind"], number), name="x")
            picture.grey()
            counts[0] += 1
        except IngestionError:
            counts[1] += 1
    return counts


def read_large_files(task):
    """Reads large files by their path, their headers damaged, as `read_segmentations`."""
    whole = made(breast((400, 400)))
    header = whole.index(b"\xe0\x7f\x10\x00") + 12
    counts = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.dcm")
        for number in range(task[0], task[0] + task[1]):
            damage = _damaged(whole[:header], 128, np.random.default_rng(number))
            path.write_bytes(damage + whole[header:])
            try:
                read_image(path).grey()
                counts[0] += 1
            except IngestionError:
                counts[1] += 1
    return counts


def read_segmentations(task):
    """Reads damaged segmentations, from the first number on, so many; [accepted, refused]."""
    masks = np.zeros((2, 40, 32), np.uint8)
    masks[:, 10:30, 5:25] = 1
    whole = segmentation(masks, ["1.2.3", "1.2.4"])
    counts = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "seg.dcm")
        for number in range(task[0], task[0] + task[1]):
            path.write_bytes(_damaged(whole, 128, np.random.default_rng(number)))
            try:
                read_segmentation(path)
                counts[0] += 1
            except IngestionError:
                counts[1] += 1
    return counts
