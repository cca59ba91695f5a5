import numpy as np
import pytest

from mammo_core.ingestion.images.in_place import PixelsInPlace, header_in_place
from tests.ingestion.images.made_dicom import SYNTAXES, breast, made

LARGE = (700, 600)


def written(folder, **elements):
    path = folder / "file.dcm"
    path.write_bytes(made(breast(LARGE), **elements))
    return path


@pytest.mark.parametrize("syntax", ["explicit", "implicit"])
def test_place_of_the_pixels_is_found(tmp_path, syntax):
    data, place = header_in_place(written(tmp_path, syntax=SYNTAXES[syntax]))

    assert "PixelData" not in data
    assert place.length == 2 * LARGE[0] * LARGE[1]
    np.testing.assert_array_equal(place.mapped(LARGE, 16), breast(LARGE))


@pytest.mark.parametrize("syntax", ["big endian", "deflated", "jpeg-ls"])
def test_other_syntaxes_are_left_to_decoders(tmp_path, syntax):
    assert header_in_place(written(tmp_path, syntax=SYNTAXES[syntax])) is None


def test_small_cut_and_bare_files_are_left_to_the_parser(tmp_path):
    path = tmp_path / "file.dcm"
    whole = made(breast(LARGE))
    for content in (made(), whole[:-1], whole[132:], bytes(300_000)):
        path.write_bytes(content)

        assert header_in_place(path) is None


@pytest.mark.parametrize(("shape", "bits"), [((701, 600), 16), ((700, 600), 32), ((700, 600), 1)])
def test_more_pixels_than_bytes_are_refused(tmp_path, shape, bits):
    _, place = header_in_place(written(tmp_path))

    with pytest.raises(ValueError, match="bytes for"):
        place.mapped(shape, bits)


def test_what_follows_the_pixels_is_not_taken_for_pixels(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(bytes(range(100)))

    mapped = PixelsInPlace(path, 10, 20).mapped((4, 5), 8)

    assert mapped.ravel().tolist() == list(range(10, 30))
