import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from mammo_core.ingestion.images.display import (
    NO_LUT,
    NO_WINDOW,
    fallback_window,
    grey_table,
)
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.images.grey import Coding, linear_table
from tests.ingestion.images.made_dicom import breast, dataset, made


def look_up(entries, first=0, bits=16, keyword="VOILUTSequence"):
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = [int(entry) for entry in entries]
    return {keyword: Sequence([item])}


def table_of(data, coding):
    stored = np.frombuffer(data.PixelData, dtype="u2").reshape(data.Rows, data.Columns)
    return grey_table(data, stored, coding)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("signed", [False, True])
def test_window_agrees_with_pydicom(function, signed):
    data = dataset(
        (breast().astype(np.int16) - 2000) if signed else breast(),
        WindowCenter=[500, 1],
        WindowWidth=[900, 2],
        VOILUTFunction=function,
        RescaleSlope=0.5,
        RescaleIntercept=-100,
    )
    coding = Coding(bits=12, signed=signed)

    table, warnings = table_of(data, coding)

    values = coding.values()
    expected = apply_voi_lut(apply_modality_lut(values, data), data)
    low = (-(2**11) if signed else 0) * 0.5 - 100
    high = (2**11 - 1 if signed else 2**12 - 1) * 0.5 - 100
    grey = 255 * (expected - low) / (high - low)
    assert np.abs(table[: 2**12] - grey).max() <= 1
    assert warnings == []


def test_voi_lut_is_preferred_and_agrees_with_pydicom():
    entries = (np.arange(1024) ** 2) >> 6
    data = dataset(WindowCenter=10, WindowWidth=20, **look_up(entries, first=500, bits=14))

    table, _ = table_of(data, Coding(bits=12))

    expected = apply_voi_lut(np.arange(4096), data) / (2**14 - 1)
    np.testing.assert_allclose(table[:4096], 255 * expected.clip(0, 1), atol=0.51)


@pytest.mark.parametrize(("needed", "declared"), [(12, 16), (10, 12), (8, 16), (15, 16)])
def test_lut_that_needs_fewer_bits_than_it_declares_is_spread_with_a_warning(needed, declared):
    entries = np.arange(4096) >> 12 - needed if needed < 12 else np.arange(4096) << needed - 12

    narrow, warnings = table_of(dataset(**look_up(entries, bits=declared)), Coding(bits=12))

    exact, none = table_of(dataset(**look_up(entries, bits=needed)), Coding(bits=12))
    np.testing.assert_array_equal(narrow, exact)
    assert (narrow.min(), narrow.max()) == (0, 255)
    assert warnings == [
        f"The look-up table for display declares {declared} bits and uses {needed}: "
        f"grey spans {needed} bits."
    ]
    assert none == []


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("count", [256, 255])
@pytest.mark.parametrize("packed", [False, True])
def test_lut_in_bytes_is_read_as_words_or_packed(packed, count, big_endian):
    entries = np.arange(count)[::-1]
    lut = look_up(entries, bits=8)
    content = entries.astype(np.uint8).tobytes() + b"\0" * (count % 2)
    words = np.frombuffer(content, "<u2") if packed else entries
    item = lut["VOILUTSequence"][0]
    item.LUTData = words.astype(">u2" if big_endian else "<u2").tobytes()
    item["LUTData"].VR = "OW"
    syntax = ExplicitVRBigEndian if big_endian else ExplicitVRLittleEndian
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)

    picture = read_image(made(pixels, syntax=syntax, **lut))

    np.testing.assert_array_equal(picture.grey().ravel()[:count], entries)


def lut_in_words(values, vr, **described):
    lut = look_up(np.zeros(4096), **described)
    item = lut[described.get("keyword", "VOILUTSequence")][0]
    item.LUTData = values
    item["LUTData"].VR = vr
    return lut


UNUSABLE = {
    "signed": lut_in_words([int(entry) for entry in np.arange(-2048, 2048)], "SS"),
    "signed in 12 bits": lut_in_words(
        np.arange(-2048, 2048).astype("<i2").tobytes(), "OW", bits=12
    ),
    "packed as bytes of 16": lut_in_words(bytes(range(256)) * 16, "OW", bits=16),
    "too short": lut_in_words(list(range(4000)), "US", bits=12),
    "beyond its bits": look_up(np.arange(4096), bits=8),
    "flat": look_up(np.zeros(4096)),
    "for other values": look_up(np.arange(4096), first=5000),
}


@pytest.mark.parametrize("lut", UNUSABLE.values(), ids=UNUSABLE)
def test_lut_that_cannot_be_what_it_says_is_not_used(lut):
    without, warnings = table_of(dataset(), Coding(bits=12))

    table, told = table_of(dataset(**lut), Coding(bits=12))

    assert told == warnings == [NO_WINDOW]
    np.testing.assert_array_equal(table, without)


def test_unusable_lut_is_told_of_eight_bits_too():
    pixels = breast(top=255).astype(np.uint8)

    picture = read_image(made(pixels, **lut_in_words(bytes(100), "OW", bits=8)))

    np.testing.assert_array_equal(picture.grey(), pixels)
    assert picture.warnings == (NO_LUT,)


def test_no_window_is_used_after_an_unusable_modality_lut():
    window = {"WindowCenter": 100, "WindowWidth": 200}
    damaged = look_up(np.arange(-2000, 2096), keyword="ModalityLUTSequence")

    table, warnings = table_of(dataset(**damaged, **window), Coding(bits=12))

    np.testing.assert_array_equal(table, table_of(dataset(), Coding(bits=12))[0])
    assert warnings == [NO_WINDOW]


def test_modality_lut_comes_before_the_window():
    entries = np.arange(4096)[::-1]
    lut = look_up(entries, keyword="ModalityLUTSequence")

    turned, _ = table_of(dataset(WindowCenter=2048, WindowWidth=4096, **lut), Coding(bits=12))
    upright, _ = table_of(dataset(WindowCenter=2048, WindowWidth=4096), Coding(bits=12))

    np.testing.assert_array_equal(turned[:4096], upright[:4096][::-1])


@pytest.mark.parametrize(
    "damaged",
    [
        {"WindowCenter": 100, "WindowWidth": 0},
        {"WindowCenter": 100, "WindowWidth": -5, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 100, "WindowWidth": 50, "VOILUTFunction": "MAGIC"},
        {"WindowCenter": 100},
        look_up([7], bits=12),
        look_up(np.arange(100), bits=40),
        {},
    ],
)
def test_without_a_usable_window_breast_tissue_fills_the_grey(damaged):
    table, warnings = table_of(dataset(**damaged), Coding(bits=12))

    assert warnings == [NO_WINDOW]
    assert table[0] == 0
    assert table[int(0.3 * 4095)] < 10
    assert table[int(0.9 * 4095)] > 245


def test_damaged_lut_falls_back_to_the_window():
    both = {**look_up([7], bits=12), "WindowCenter": 2048, "WindowWidth": 4096}

    table, warnings = table_of(dataset(**both), Coding(bits=12))

    assert warnings == []
    assert table[2048] in (127, 128)


def test_damaged_rescaling_counts_as_none():
    window = {"WindowCenter": 2048, "WindowWidth": 4096}

    table, _ = table_of(dataset(RescaleSlope=0, RescaleIntercept=5, **window), Coding(bits=12))

    assert table[2048] in (127, 128)


def test_padding_is_black_and_no_part_of_the_fallback():
    pixels = breast()
    pixels[:, 50:] = 4095

    padded = read_image(made(pixels, PixelPaddingValue=4095)).grey()
    unsaid = read_image(made(pixels)).grey()

    assert padded[5, 60] == 0
    assert unsaid[5, 60] == 255
    assert padded[48, 16] > unsaid[48, 16]


def test_padding_range_is_black():
    table, _ = table_of(
        dataset(
            PixelPaddingValue=4000,
            PixelPaddingRangeLimit=4095,
            WindowCenter=2048,
            WindowWidth=4096,
        ),
        Coding(bits=12),
    )

    assert table[4000:4096].max() == 0
    assert table[3999] > 240


def test_fallback_follows_the_breast_not_the_air():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 20, (2000, 1400))
    much_air = (
        np.where(np.arange(1400) < 300, 2500 + 8 * noise, 60 + noise).clip(0).astype(np.uint16)
    )
    values = np.arange(2**16)

    low, high = fallback_window(much_air, values)

    tissue = much_air[:, :300]
    assert low == pytest.approx(np.percentile(tissue, 0.5), rel=0.02)
    assert high == pytest.approx(np.percentile(tissue, 99.5), rel=0.02)


def test_fallback_of_a_crop_without_air_keeps_dark_tissue():
    rng = np.random.default_rng(0)
    crop = rng.uniform(1000, 3000, (300, 300)).astype(np.uint16)

    low, high = fallback_window(crop, np.arange(2**16))

    assert low == pytest.approx(1010, abs=10)
    assert high == pytest.approx(2990, abs=10)


def test_fallback_of_an_inverted_image_is_that_of_the_upright_one():
    pixels = breast(shape=(900, 700))
    values = np.arange(2**16)

    low, high = fallback_window(pixels, values)
    turned = fallback_window(4095 - pixels, values, inverted=True)

    assert turned == pytest.approx((4095 - high, 4095 - low))


def test_even_image_is_black_not_an_error():
    low, high = fallback_window(np.full((40, 40), 77, np.uint16), np.arange(2**16))

    assert (low, high) == (77, 77)
    assert linear_table(np.arange(100), low, high, inverted=False)[77] == 0
