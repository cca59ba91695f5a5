"""Pixels of every coding are pydicom's values, or what was encoded, or refused; never others."""

import importlib.util
import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import UID

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.formats import read_image
from tests.ingestion.images.made_dicom import MAMMOGRAM, SYNTAXES, breast, made

NATIVE = ("explicit", "implicit", "big endian", "deflated", "rle")
COMPRESSED = ("jpeg-ls", "jpeg 2000", "jpeg lossless")
PUBLIC_FILES = sorted(
    path
    for package in ("pydicom", "highdicom", "openjpeg", "rle", "libjpeg", "ljdata")
    if (found := importlib.util.find_spec(package)) is not None and found.origin
    for path in Path(found.origin).parent.rglob("*.dcm")
)


def values(picture):
    numbers = picture.coding.for_patterns(picture.coding.values(), picture.stored.dtype)
    return numbers[picture.stored]


def described_as(file, **elements):
    """The same file with other words in its header."""
    data = dcmread(io.BytesIO(file))
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    changed = io.BytesIO()
    data.save_as(changed)
    return changed.getvalue()


def outcome(file):
    """The values read, or the reason why none are."""
    try:
        return values(read_image(file))
    except IngestionError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore")  # pydicom warns of what it tests itself with
def test_public_files_give_pydicoms_values():
    read = {}
    for path in PUBLIC_FILES:
        data = dcmread(path, force=True)
        if "PixelData" not in data or "TransferSyntaxUID" not in data.file_meta:
            continue
        data.SOPClassUID = MAMMOGRAM
        file = io.BytesIO()
        try:
            data.save_as(file)
        except TypeError:  # pydicom cannot write all that it reads
            continue
        found = outcome(file.getvalue())
        if isinstance(found, str):
            continue
        expected = dcmread(io.BytesIO(file.getvalue())).pixel_array
        grey = expected[..., 0] if expected.ndim == 3 else expected
        np.testing.assert_array_equal(found, grey, err_msg=path.name)
        read[path.name] = UID(data.file_meta.TransferSyntaxUID).name

    assert len(read) >= 25
    assert len(set(read.values())) >= 9, set(read.values())


@pytest.mark.parametrize("syntax", (*NATIVE, *COMPRESSED))
@pytest.mark.parametrize("kind", ["uint16", "int16"])
def test_header_that_says_other_bits_gives_pydicoms_values_or_a_refusal(syntax, kind):
    refused = 0
    for coded, stored in itertools.product((10, 12, 16), (8, 10, 12, 16)):
        pixels = (breast(top=2**coded - 1) - (2 ** (coded - 1) if kind == "int16" else 0)).astype(
            kind
        )
        file = made(pixels, syntax=SYNTAXES[syntax], bits=coded)
        file = described_as(file, BitsStored=stored, HighBit=stored - 1)

        found = outcome(file)

        if isinstance(found, str):
            refused += 1
            assert "Bits Stored" in found
            continue
        np.testing.assert_array_equal(found, dcmread(io.BytesIO(file)).pixel_array)
        if syntax in COMPRESSED:
            np.testing.assert_array_equal(found, pixels)
    assert refused == 0 or syntax in COMPRESSED


@pytest.mark.parametrize("syntax", ["jpeg-ls", "jpeg 2000"])
def test_precision_above_the_bits_stored_is_taken_as_pydicom_takes_it(syntax):
    picture = read_image(described_as(made(syntax=SYNTAXES[syntax]), BitsStored=10, HighBit=9))

    np.testing.assert_array_equal(picture.stored, breast())
    assert picture.coding.bits == 12


def test_lossless_jpeg_above_the_bits_stored_is_refused_and_unused_precision_is_not():
    coded = made(breast(top=1023), syntax=SYNTAXES["jpeg lossless"])

    np.testing.assert_array_equal(
        outcome(described_as(coded, BitsStored=10, HighBit=9)), breast(top=1023)
    )
    with pytest.raises(IngestionError, match="Expected pixels of 8 bits .* Export it uncompressed"):
        read_image(described_as(coded, BitsStored=8, HighBit=7))


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_samples_of_more_bits_than_are_allocated_are_refused(syntax):
    file = described_as(made(syntax=SYNTAXES[syntax]), BitsAllocated=8, BitsStored=8, HighBit=7)

    with pytest.raises(IngestionError, match="of 8 allocated"):
        read_image(file)


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("kind", ["uint16", "int16"])
def test_bits_at_the_high_end_are_shifted(syntax, kind):
    pixels = (breast() - (2048 if kind == "int16" else 0)).astype(kind)

    picture = read_image(made(pixels << 4, syntax=SYNTAXES[syntax], HighBit=15))

    np.testing.assert_array_equal(values(picture), pixels)


def test_bits_at_the_high_end_of_a_large_file_are_shifted(tmp_path):
    path = tmp_path / "large.dcm"
    path.write_bytes(made(breast((700, 600)) << 4, HighBit=15))

    np.testing.assert_array_equal(read_image(path).stored, breast((700, 600)))


@pytest.mark.parametrize("high", [9, 13, 15])
def test_high_bit_that_the_pixels_rule_out_is_passed_over(high):
    pixels = breast(top=1023) | 1

    np.testing.assert_array_equal(read_image(made(pixels, HighBit=high)).stored, pixels)


@pytest.mark.parametrize(
    ("pixels", "high"),
    [
        (breast(top=255) << 4, 15),  # 8 bits made 12, or 12 bits at the high end
        (breast() << 4 | 5, 15),  # something else lies below
        (breast(), 7),
        (breast(), 16),
        (breast(), 255),
        (np.zeros((9, 9), np.uint16), 15),
    ],
)
def test_high_bit_that_the_pixels_do_not_bear_out_is_refused(pixels, high):
    with pytest.raises(IngestionError, match=f"Expected High Bit 11 with 12 bits .* says {high}"):
        read_image(made(pixels, HighBit=high))


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_high_bit_of_compressed_pixels_is_believed_by_their_precision_only(syntax):
    file = made(breast(top=4095), syntax=SYNTAXES[syntax], bits=16)

    with pytest.raises(IngestionError, match="Expected High Bit 11"):
        read_image(described_as(file, BitsStored=12, HighBit=15))
    np.testing.assert_array_equal(outcome(described_as(file, HighBit=11)), breast(top=4095))
