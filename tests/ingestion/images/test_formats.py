import io
import mmap
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID, JPEGExtended12Bit

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.formats import Box, image_kind, read_image
from tests.ingestion.images.made_dicom import (
    SECONDARY_CAPTURE,
    SYNTAXES,
    baseline_jpeg,
    breast,
    content,
    dataset,
    made,
)


def encoded(pixels, form="png", **options):
    file = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(
        file, form, **options
    )
    return file.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16"])
def test_every_syntax_gives_the_stored_values(syntax, kind):
    pixels = breast(top=255 if kind == "uint8" else 4095).astype(kind)
    if kind == "int16":
        pixels -= 2048

    picture = read_image(made(pixels, syntax=syntax))

    values = picture.coding.for_patterns(picture.coding.values(), picture.stored.dtype)[
        picture.stored
    ]
    np.testing.assert_array_equal(values, pixels)
    assert picture.kind == "dicom"
    assert picture.shape == pixels.shape


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian", "deflated", "jpeg-ls"])
@pytest.mark.parametrize("kind", ["uint8", "int16"])
def test_large_file_by_path_gives_what_its_bytes_give(tmp_path, syntax, kind):
    pixels = breast((701, 605), top=255 if kind == "uint8" else 2000).astype(kind)
    path = tmp_path / "large.dcm"
    path.write_bytes(made(pixels, syntax=SYNTAXES[syntax], PixelSpacing=[0.1, 0.1]))

    by_path, by_bytes = read_image(path), read_image(path.read_bytes())

    np.testing.assert_array_equal(by_path.stored, by_bytes.stored)
    np.testing.assert_array_equal(by_path.grey(), by_bytes.grey())
    assert repr(by_path) == repr(by_bytes)
    assert (by_path.patient_id, by_path.image_id) == (by_bytes.patient_id, by_bytes.image_id)


def test_large_uncompressed_file_is_looked_at_in_place(tmp_path):
    path = tmp_path / "large.dcm"
    path.write_bytes(made(breast((700, 600))))

    assert isinstance(read_image(path).stored.base, np.memmap | mmap.mmap)


@pytest.mark.parametrize("lost", [1, 1000, 400_000, 839_000])
def test_large_file_that_is_cut_short_is_refused(tmp_path, lost):
    path = tmp_path / "large.dcm"
    whole = made(breast((700, 600)))
    path.write_bytes(whole[:-lost])

    with pytest.raises(IngestionError, match="Expected an undamaged DICOM image|has no pixels"):
        read_image(path)


def test_lossy_jpeg_is_read_with_a_warning():
    pixels = breast(top=255).astype(np.uint8)

    picture = read_image(baseline_jpeg(pixels))

    assert np.abs(picture.stored.astype(int) - pixels).mean() < 3
    assert any("compressed with loss" in warning for warning in picture.warnings)


@pytest.mark.parametrize("marker", [b"\xff\xc1", b"\xff\xc2"])
def test_lossy_jpeg_of_12_bits_is_refused_by_name(marker):
    stream = encoded(breast(top=255).astype(np.uint8), "jpeg")
    data = dataset(breast())
    data.PixelData = encapsulate([stream.replace(b"\xff\xc0\0\x0b\x08", marker + b"\0\x0b\x0c", 1)])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = JPEGExtended12Bit

    with pytest.raises(
        IngestionError, match=r"JPEG of 12 bits with loss .* Export it uncompressed"
    ):
        read_image(content(data))


def test_preamble_and_meta_information_may_be_missing():
    whole = made()
    bare = whole[whole.index(b"\x08\x00\x16\x00") :]

    picture = read_image(bare)

    np.testing.assert_array_equal(picture.stored, breast())


def test_tiff_header_in_the_preamble_does_not_hide_dicom():
    whole = b"II*\0" + made()[4:]

    assert image_kind(whole) == "dicom"
    assert read_image(whole).kind == "dicom"


def test_bits_above_those_stored_are_ignored():
    pixels = breast() | 0xF000

    picture = read_image(made(pixels, WindowCenter=2048, WindowWidth=4096))

    clean = read_image(made(breast(), WindowCenter=2048, WindowWidth=4096))
    np.testing.assert_array_equal(picture.grey(), clean.grey())
    np.testing.assert_array_equal(picture.ranged_grey(), clean.ranged_grey())


def test_monochrome1_is_turned():
    window = {"WindowCenter": 2048, "WindowWidth": 4096}

    upright = read_image(made(**window)).grey()
    turned = read_image(made(PhotometricInterpretation="MONOCHROME1", **window)).grey()

    np.testing.assert_array_equal(turned, 255 - upright)


def test_colour_capture_is_read_only_if_it_shows_grey():
    grey = np.repeat(breast(top=255).astype(np.uint8)[..., None], 3, axis=2)
    tinted = grey.copy()
    tinted[5, 5] = (200, 10, 10)

    np.testing.assert_array_equal(
        read_image(made(grey, SOPClassUID=SECONDARY_CAPTURE)).stored, grey[..., 0]
    )
    with pytest.raises(IngestionError, match="shows colour"):
        read_image(made(tinted, SOPClassUID=SECONDARY_CAPTURE))


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "is CT Image Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}, "is Comprehensive SR Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"}, "Presentation State Storage"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "is Segmentation Storage"),
        ({"SOPClassUID": "1.2.999.4711"}, "is of another kind"),
        ({"NumberOfFrames": 3}, "several frames, as tomosynthesis does"),
        ({"PixelData": None}, "has no pixels"),
        ({"Rows": 60000, "Columns": 60000}, "at most 100,000,000 pixels|1 to 100,000,000 pixels"),
        ({"Rows": 0}, "1 to 100,000,000 pixels"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "Expected 8 to 16 bits"),
        ({"BitsStored": 17}, "Expected 8 to 16 bits"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "stored as a colour table"),
        ({"Rows": 97}, "Expected an undamaged DICOM image; reading x.dcm failed"),
        ({"BitsAllocated": None}, "Expected an undamaged DICOM image; reading x.dcm failed"),
    ],
)
def test_what_is_no_grey_mammogram_is_refused_with_its_reason(elements, message):
    with pytest.raises(IngestionError, match=message):
        read_image(made(**elements), name="x.dcm")


def test_file_that_does_not_say_what_it_is_is_refused():
    whole = made(Modality="")
    bare = whole[whole.index(b"\x08\x00\x18\x00") :]  # from the instance on, without class

    with pytest.raises(IngestionError, match="does not say what it is"):
        read_image(bare)


@pytest.mark.parametrize("syntax", ["jpeg-ls", "jpeg 2000"])
def test_compressed_pixels_of_another_size_than_the_header_says_are_refused(syntax):
    data = dataset(breast((50, 40)), syntax=SYNTAXES[syntax])
    data.Rows = 49

    with pytest.raises(IngestionError, match="Expected 40×49 .* its compressed pixels say 40×50"):
        read_image(content(data))


def test_unknown_compression_is_refused_by_name():
    data = dataset()
    data.PixelData = encapsulate([b"moving pictures"])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")

    file = content(data)

    with pytest.raises(IngestionError, match="is compressed as MPEG-4 AVC/H.264"):
        read_image(file)


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"PixelSpacing": [0.07, 0.07]}, 0.07),
        ({"ImagerPixelSpacing": [0.07, 0.07]}, 0.07),
        (
            {"ImagerPixelSpacing": [0.084, 0.084], "EstimatedRadiographicMagnificationFactor": 1.2},
            0.07,
        ),
        ({"PixelSpacing": [0.1, 0.2]}, None),
        ({"PixelSpacing": [0, 0]}, None),
        ({}, None),
    ],
)
def test_spacing_is_that_in_the_breast_if_known(elements, spacing):
    assert read_image(made(**elements)).spacing_mm == (
        None if spacing is None else pytest.approx(spacing)
    )


def test_cautions_are_told():
    burned = read_image(made(BurnedInAnnotation="YES")).warnings
    unsaid = read_image(made(SOPClassUID=SECONDARY_CAPTURE, BurnedInAnnotation=None)).warnings
    ruled_out = read_image(made(SOPClassUID=SECONDARY_CAPTURE)).warnings
    raw = read_image(made(PresentationIntentType="FOR PROCESSING")).warnings

    assert any("text is burned" in warning for warning in burned)
    assert any("does not rule out" in warning for warning in unsaid)
    assert not any("burned" in warning for warning in ruled_out)
    assert any("raw image" in warning for warning in raw)


def test_only_whitelisted_facts_leave_the_header():
    view = Dataset()
    view.CodeValue = "R-10226"
    picture = read_image(
        made(
            ImageLaterality="L", ViewCodeSequence=Sequence([view]), InstitutionName="St. Elsewhere"
        )
    )

    assert picture.facts == {
        "modality": "MG",
        "laterality": "L",
        "view": "MLO",
        "bits": "12",
        "photometric": "MONOCHROME2",
        "transfer_syntax": "Explicit VR Little Endian",
    }
    assert (picture.patient_id, picture.image_id[:5]) == ("HOSP-4711", "1.2.8")


@pytest.mark.parametrize(
    ("orientation", "side"), [(["A", "FR"], "left"), (["P", "L"], "right"), (["L", "F"], None)]
)
def test_side_of_the_chest_wall_is_where_rows_do_not_point(orientation, side):
    picture = read_image(made(PatientOrientation=orientation))

    assert picture.facts.get("chest_wall") == side


def test_free_text_in_whitelisted_elements_stays_behind():
    planted = {
        keyword: "DOE JANE 1950"
        for keyword in (
            "Laterality",
            "ImageLaterality",
            "ViewPosition",
            "Modality",
            "PresentationIntentType",
        )
    }

    picture = read_image(made(**planted))

    assert "DOE" not in repr(picture)
    assert "4711" not in repr(picture)


@pytest.mark.parametrize(
    ("pixels", "form", "bits"),
    [
        (breast(top=255).astype(np.uint8), "png", "8"),
        (breast(top=65535), "png", "16"),
        (breast(top=255).astype(np.uint8), "tiff", "8"),
        (breast(top=65535), "tiff", "16"),
    ],
)
def test_png_and_tiff_give_their_values(pixels, form, bits):
    picture = read_image(encoded(pixels, form))

    np.testing.assert_array_equal(picture.stored, pixels)
    assert picture.facts["bits"] == bits
    assert picture.kind == "raster"


def test_big_endian_tiff_is_read():
    pixels = breast(top=60000)
    image = Image.frombytes("I;16B", pixels.shape[::-1], pixels.astype(">u2").tobytes())

    np.testing.assert_array_equal(read_image(encoded(image, "tiff")).stored, pixels)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_tiff_whose_zero_is_white_is_turned(tmp_path, kind, compression):
    pixels = breast(top=np.iinfo(kind).max).astype(kind)
    upright, turned = tmp_path / "upright.tif", tmp_path / "turned.tif"
    top = np.iinfo(kind).max
    tifffile.imwrite(upright, pixels, photometric="minisblack", compression=compression)
    tifffile.imwrite(turned, top - pixels, photometric="miniswhite", compression=compression)

    expected, picture = read_image(upright), read_image(turned)

    np.testing.assert_array_equal(picture.stored, pixels)
    np.testing.assert_array_equal(picture.grey(), expected.grey())
    np.testing.assert_array_equal(picture.ranged_grey(), expected.ranged_grey())


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_with_several_channels_of_16_bits_is_refused(channels):
    pixels = np.repeat(breast()[..., None], channels, axis=2)

    with pytest.raises(IngestionError, match="channels of 16 bits .* Save it as 16-bit greyscale"):
        read_image(png_of_16_bits(pixels))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiff_with_several_channels_of_16_bits_is_refused(tmp_path, channels, order, planar):
    pixels = np.repeat(breast()[..., None], channels, axis=2)
    pixels = np.moveaxis(pixels, 2, 0) if planar == "separate" else pixels
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", byteorder=order, planarconfig=planar)

    with pytest.raises(IngestionError, match="channels of 16 bits|Expected an undamaged"):
        read_image(path)


def png_of_16_bits(pixels):
    """Encodes (H, W, C) uint16 as PNG: grey with alpha, colour, or colour with alpha."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", check)

    height, width, channels = pixels.shape
    colour = {2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">LLBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_eight_bits_are_shown_as_they_are():
    pixels = breast(top=200).astype(np.uint8)

    np.testing.assert_array_equal(read_image(encoded(pixels)).grey(), pixels)
    np.testing.assert_array_equal(read_image(made(pixels)).grey(), pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "1"])
def test_colour_formats_that_show_grey_are_read(mode):
    pixels = 255 * (breast(top=255) > 128).astype(np.uint8)

    picture = read_image(encoded(Image.fromarray(pixels).convert(mode)))

    np.testing.assert_array_equal(picture.grey(), pixels)


@pytest.mark.parametrize(
    ("image", "form", "message"),
    [
        (Image.new("RGB", (9, 9), (9, 8, 7)), "png", "shows colour"),
        (Image.new("LA", (9, 9), (9, 8)), "png", "partly transparent"),
        (Image.new("CMYK", (9, 9)), "jpeg", "stored as CMYK"),
        (Image.new("F", (9, 9)), "tiff", "stored as F"),
    ],
)
def test_what_is_not_grey_is_refused(image, form, message):
    with pytest.raises(IngestionError, match=message):
        read_image(encoded(image, form))


def test_several_pages_are_refused():
    page = Image.new("L", (9, 9))

    with pytest.raises(IngestionError, match="has 2 pages"):
        read_image(encoded(page, "tiff", save_all=True, append_images=[page]))


def test_turned_photograph_is_read_as_stored_with_a_warning():
    image = Image.new("L", (9, 9))
    exif = image.getexif()
    exif[0x0112] = 6

    picture = read_image(encoded(image, "jpeg", exif=exif))

    assert "turned or mirrored" in picture.warnings[0]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "is none of these \\(it is empty\\)"),
        (b"GIF89a" + bytes(200), "is none of these"),
        (b"%PDF-1.7", "is none of these"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "Expected an undamaged PNG, JPEG or TIFF"),
    ],
)
def test_other_files_are_refused(file, message):
    with pytest.raises(IngestionError, match=message):
        read_image(file)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(IngestionError, match="No such file"):
        read_image(tmp_path / "none.dcm")
    with pytest.raises(IngestionError, match="Is a directory|Permission"):
        read_image(tmp_path)


def test_file_beyond_the_limit_is_refused_unread(tmp_path):
    path = tmp_path / "huge.dcm"
    with path.open("wb") as file:
        file.truncate(600 * 2**20)

    with pytest.raises(IngestionError, match="at most 512 MB; huge.dcm has 600 MB"):
        read_image(path)


def test_box_over_the_edge_repeats_edge_pixels():
    pixels = breast(top=255).astype(np.uint8)
    picture = read_image(encoded(pixels))

    cut = picture.grey(Box(top=-3, left=-2, height=10, width=8))

    np.testing.assert_array_equal(cut, np.pad(pixels[:7, :6], ((3, 0), (2, 0)), mode="edge"))


def test_box_beside_the_picture_is_refused():
    picture = read_image(encoded(np.zeros((10, 10), np.uint8)))

    with pytest.raises(IngestionError, match="Expected a box on the image of 10×10 pixels"):
        picture.grey(Box(top=10, left=0, height=5, width=5))


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 5), (0, 0, 5, -1), (0, 0, 10**9, 5), (-(10**9), 0, 5, 5)]
)
def test_impossible_box_is_refused(box):
    with pytest.raises(IngestionError, match="Expected a box at least 1 pixel"):
        Box(*box)


def test_scaled_box_lies_at_the_same_place():
    assert Box(10, 20, 30, 40).scaled((100, 100), (200, 50)) == Box(20, 10, 60, 20)
    assert Box(0, 0, 1, 1).scaled((100, 100), (10, 10)) == Box(0, 0, 1, 1)
