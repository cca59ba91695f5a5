import io

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames

from mammo_core.ingestion.images.codestream import claimed_size, jpeg_precision, sample_bits
from tests.ingestion.images.made_dicom import SYNTAXES, breast, made


def stream_of(syntax):
    data = dcmread(io.BytesIO(made(breast((50, 40)), syntax=SYNTAXES[syntax])))
    return next(generate_frames(data.PixelData, number_of_frames=1))


@pytest.mark.parametrize("syntax", ["jpeg-ls", "jpeg 2000", "jpeg lossless"])
def test_size_is_that_of_the_encoder(syntax):
    assert claimed_size(stream_of(syntax)) == (50, 40)


def test_jpeg_with_tables_and_comments_before_its_frame_is_understood():
    file = io.BytesIO()
    Image.fromarray(np.zeros((50, 40), np.uint8)).save(file, "jpeg", comment=b"x" * 300)

    assert claimed_size(file.getvalue()) == (50, 40)


def test_of_two_frame_headers_the_larger_counts():
    stream = stream_of("jpeg-ls")
    header = stream[2:15]
    larger = header[:5] + b"\xff\xff" + header[7:]

    assert claimed_size(stream[:2] + larger + stream[2:]) == (65535, 40)
    assert claimed_size(stream[:15] + larger + stream[15:]) == (65535, 40)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 8, 10])
def test_stream_cut_short_claims_nothing(length):
    assert claimed_size(stream_of("jpeg-ls")[:length]) is None
    assert claimed_size(stream_of("jpeg 2000")[:length]) is None


def test_other_streams_claim_nothing():
    assert claimed_size(stream_of("rle")) is None
    assert claimed_size(b"\xff\xd8" + bytes(100)) is None


def test_precision_is_that_of_jpeg_with_loss():
    file = io.BytesIO()
    Image.fromarray(np.zeros((50, 40), np.uint8)).save(file, "jpeg", comment=b"x" * 300)
    stream = file.getvalue()

    assert jpeg_precision(stream) == 8
    assert jpeg_precision(stream.replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc1\0\x0b\x0c")) == 12
    for syntax in ("jpeg-ls", "jpeg 2000", "jpeg lossless", "rle"):
        assert jpeg_precision(stream_of(syntax)) is None
    assert jpeg_precision(stream[:4]) is None


@pytest.mark.parametrize("syntax", ["jpeg-ls", "jpeg 2000"])
def test_bits_of_samples_are_those_of_the_encoder(syntax):
    for bits in (10, 12, 16):
        data = dcmread(
            io.BytesIO(made(breast(top=2**bits - 1), bits=bits, syntax=SYNTAXES[syntax]))
        )
        stream = next(generate_frames(data.PixelData, number_of_frames=1))

        assert sample_bits(stream) == bits
        assert sample_bits(stream[:4]) is None


def test_other_streams_have_no_bits_of_samples():
    assert sample_bits(stream_of("rle")) is None
    assert sample_bits(b"\xff\xd8" + bytes(100)) is None
