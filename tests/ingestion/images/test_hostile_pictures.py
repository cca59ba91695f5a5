"""No file, however damaged or hostile, ends in anything but a picture or an IngestionError, within 5 seconds."""

import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.images.sandbox import map_safely, read_safely
from tests.helpers.sizes import few_or_many
from tests.ingestion.images.made_dicom import SYNTAXES, breast, content, dataset, made
from tests.ingestion.images.mutations import KINDS, damaged, seed_file

BATCH = 50
LIMIT_S = 2.5  # for a batch, and for a single file of a batch that did not end well
SLACK_S = 30.0  # of a computer that is busy with other tests
READ_BATCH = "tests.ingestion.images.mutations:read_batch"
PYDICOM_FILES = sorted(
    path
    for path in (Path(pydicom.__file__).parent / "data").rglob("*")
    if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
)


@few_or_many("per_kind", 200, 2000)
def test_damaged_files_of_every_kind_end_in_time(per_kind):
    batches = [
        {"kind": kind, "first": first, "count": BATCH}
        for first in range(0, per_kind, BATCH)
        for kind in KINDS
    ]
    outcomes = {kind: np.zeros(2, int) for kind in KINDS}
    suspects = []
    for batch, result in map_safely(READ_BATCH, batches, workers=2, seconds=LIMIT_S):
        if isinstance(result, IngestionError):
            suspects += [
                {**batch, "first": number, "count": 1}
                for number in range(batch["first"], batch["first"] + BATCH)
            ]
        else:
            outcomes[batch["kind"]] += result

    broken = 0
    for item, result in map_safely(READ_BATCH, suspects, workers=2, seconds=LIMIT_S):
        if isinstance(result, IngestionError):
            assert "decoder broke down" in str(result) or "took longer" in str(result), item
            broken += 1
            outcomes[item["kind"]] += (0, 1)
        else:
            outcomes[item["kind"]] += result

    assert {kind: counts.sum() for kind, counts in outcomes.items()} == dict.fromkeys(
        KINDS, per_kind
    )
    # neither refuses everything nor lets everything through; few files get as far as to break a decoder
    assert all(0 < counts[0] < 0.9 * per_kind for counts in outcomes.values()), outcomes
    assert broken < max(3, 0.01 * per_kind * len(KINDS))


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_cutting_a_file_short_ends_well(kind):
    whole = seed_file(kind)
    read_image(whole)

    places = np.linspace(0, len(whole) - 1, 40).astype(int)
    for place in places:
        with_end_cut = whole[:place]
        try:
            read_image(with_end_cut)
        except IngestionError as error:
            assert "Expected" in str(error)


@pytest.mark.parametrize("function", ["read_segmentations", "read_large_files"])
def test_damaged_segmentations_and_large_files_end_well(function):
    batches = [[first, 50] for first in range(0, 600, 50)]

    found = list(
        map_safely(f"tests.ingestion.images.mutations:{function}", batches, workers=2, seconds=30)
    )

    accepted, refused = np.sum([result for _, result in found], axis=0)
    assert accepted + refused == 600
    assert 0 < accepted < 540


def test_damage_is_the_same_every_time():
    assert damaged("png 8", 7) == damaged("png 8", 7) != damaged("png 8", 8)


def test_all_files_that_pydicom_tests_itself_with_end_well():
    ended = {
        path: result
        for path, result in map_safely(
            "tests.ingestion.images.test_hostile_pictures:shape_of",
            PYDICOM_FILES,
            workers=2,
            seconds=30,
        )
    }

    assert len(ended) == len(PYDICOM_FILES) > 150
    read = {path.name for path, result in ended.items() if not isinstance(result, IngestionError)}
    assert {"JPEG2000.dcm", "JPEGLSNearLossless_16.dcm", "image_dfl.dcm"} <= read


def shape_of(path):
    return list(read_image(path).shape)


def claiming(stream_start, syntax, rows=60_000, columns=60_000):
    """A small file whose compressed pixels claim to be large."""
    data = dataset(breast(), Rows=rows, Columns=columns)
    data.PixelData = encapsulate([stream_start + bytes(64)])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    return content(data)


def j2k_start(width, height):
    fields = struct.pack(
        ">HHLLLLLLLLHBBB", 41, 0, width, height, 0, 0, width, height, 0, 0, 1, 15, 1, 1
    )
    return b"\xff\x4f\xff\x51" + fields


def jls_start(width, height):
    return b"\xff\xd8\xff\xf7" + struct.pack(">HBHHBBBB", 11, 16, height, width, 1, 1, 0x11, 0)


def jpeg_start(width, height):
    return b"\xff\xd8\xff\xc0" + struct.pack(">HBHHBBBB", 11, 8, height, width, 1, 1, 0x11, 0)


def png_bomb(width, height):
    def chunk(kind, body):
        return (
            struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
        )

    header = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(10_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def png_text_bomb():
    small = io.BytesIO()
    Image.new("L", (8, 8)).save(small, "png")
    body = b"Comment\0\0" + zlib.compress(bytes(400_000_000), 1)
    chunk = (
        struct.pack(">L", len(body))
        + b"zTXt"
        + body
        + struct.pack(">L", zlib.crc32(b"zTXt" + body))
    )
    return small.getvalue()[:33] + chunk + small.getvalue()[33:]


def deflated_bomb():
    whole = made(breast(), syntax=SYNTAXES["deflated"])
    (length,) = struct.unpack_from("<L", whole, 140)
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = bytes(2**24)
    body = b"".join(deflate.compress(zeros) for _ in range(40)) + deflate.flush()  # 640 MB
    return whole[: 144 + length] + body


def deeply_nested(depth=20_000):
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + item
    return made()[: made().index(b"\x08\x00\x16\x00")] + opening * depth


def with_length(length):
    """A file whose patient's name says it is so long."""
    whole = made()
    place = whole.index(b"\x10\x00\x10\x00PN")
    return (
        whole[:place] + b"\x10\x00\x10\x00UN\0\0" + struct.pack("<L", length) + whole[place + 8 :]
    )


def giant_private():
    data = dataset()
    block = data.private_block(0x0099, "MADE", create=True)
    block.add_new(0x01, "OB", bytes(100 * 2**20))
    return content(data)


def many_elements(count=300_000):
    whole = made()
    place = whole.index(b"\x10\x00\x10\x00PN")
    return whole[:place] + b"\x09\x00\x01\x10LO\x02\x00ab" * count + whole[place:]


BOMBS = {
    "PNG of 60000 × 60000": lambda: png_bomb(60_000, 60_000),
    "PNG of 20000 × 20000": lambda: png_bomb(20_000, 20_000),
    "PNG of 9000 × 9000 that is cut short": lambda: png_bomb(9_000, 9_000)[:-2000],
    "PNG with a text that unpacks to 400 MB": png_text_bomb,
    "PNG of size 0": lambda: png_bomb(0, 0),
    "deflated DICOM that unpacks to 640 MB": deflated_bomb,
    "JPEG 2000 of 60000 × 60000": lambda: claiming(j2k_start(60_000, 60_000), JPEG2000Lossless),
    "JPEG 2000 larger than its header": lambda: claiming(
        j2k_start(60_000, 60_000), JPEG2000Lossless, 96, 64
    ),
    "JPEG 2000 of negative size": lambda: claiming(
        j2k_start(2**32 - 1, 2**32 - 1), JPEG2000Lossless, 96, 64
    ),
    "JPEG-LS of 60000 × 60000": lambda: claiming(jls_start(60_000, 60_000), JPEGLSLossless),
    "JPEG-LS larger than its header": lambda: claiming(
        jls_start(60_000, 60_000), JPEGLSLossless, 96, 64
    ),
    "JPEG larger than its header": lambda: claiming(
        jpeg_start(60_000, 60_000), JPEGBaseline8Bit, 96, 64
    ),
    "RLE of 9000 × 9000 without content": lambda: claiming(bytes(64), RLELossless, 9_000, 9_000),
    "DICOM of 20000 × 20000": lambda: made(Rows=20_000, Columns=20_000),
    "pixels shorter than said": lambda: made(Rows=5_000, Columns=5_000),
    "no pixels at all": lambda: made(PixelData=b""),
    "many samples": lambda: made(SamplesPerPixel=65_535),
    "a 4 GB element": lambda: with_length(0xFFFFFFF0),
    "a 2 GB element": lambda: with_length(0x7FFFFFFF),
    "an element that never ends": lambda: with_length(0xFFFFFFFF),
    "sequences nested 20,000 deep": deeply_nested,
    "a private element of 100 MB": giant_private,
    "300,000 elements": many_elements,
    "only zeros behind the prefix": lambda: bytes(128) + b"DICM" + bytes(10_000),
    "noise behind the prefix": lambda: (
        bytes(128) + b"DICM" + np.random.default_rng(0).bytes(10_000)
    ),
    "text": lambda: "Grüße".encode() * 1000,
}
READABLE = (
    "a private element of 100 MB",
    "300,000 elements",
    "PNG with a text that unpacks to 400 MB",
)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (lambda: png_bomb(60_000, 60_000), "at most 100,000,000 pixels; bomb says it has more"),
        (
            lambda: png_bomb(12_000, 12_000),
            "at most 100,000,000 pixels; bomb says it has ",
        ),
        (
            lambda: jpeg_start(60_000, 60_000),
            "at most 100,000,000 pixels; bomb says it has more",
        ),
        (png_text_bomb, "a text or colour profile that unpacks to more"),
        (deflated_bomb, "unpacks to at most 512 MB; bomb unpacks to more"),
    ],
)
def test_bombs_are_called_too_large_and_not_damaged(file, message):
    with pytest.raises(IngestionError, match=message) as error:
        read_image(file(), name="bomb")

    assert "undamaged" not in str(error.value)


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_ends_in_time(bomb, tmp_path):
    (tmp_path / "bomb").write_bytes(BOMBS[bomb]())
    read_safely(made(), name="first")  # the process runs
    start = time.monotonic()

    try:
        read_safely(tmp_path / "bomb", name="bomb")
        ended = "read"
    except IngestionError as error:
        ended = str(error)

    assert time.monotonic() - start < 5 + SLACK_S
    assert ended.startswith("Expected") or bomb in READABLE
    assert read_safely(made(), name="next").shape == (96, 64)
