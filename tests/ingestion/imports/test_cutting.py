import io

import numpy as np
import pytest
from PIL import Image

from mammo_core.ingestion.images.crops import STANDARD
from mammo_core.ingestion.images.grey import Box
from mammo_core.ingestion.imports.cutting import TINY, cut, cut_task
from mammo_core.ingestion.imports.survey import ImageToCut, MassToCut
from tests.ingestion.imports.made_imports import PLACES, SHAPE, mammogram, write_png

FIRST, SECOND = PLACES


@pytest.fixture
def cut_by(tmp_path):
    """Cuts the masses that a mask (H, W) marks; gives boxes, or why there are none."""

    def boxes(mask, *, several=True, jpeg=False, **mass):
        image = write_png(tmp_path / "image.png", mammogram(1))
        path = tmp_path / ("mask.jpg" if jpeg else "mask.png")
        Image.fromarray(mask).save(path, **({"quality": 90} if jpeg else {}))
        masses = (MassToCut(label=1, masks=(path,), several=several, **mass),)
        task = cut_task(
            ImageToCut(key="i", path=image, shown="i", patient="p", image="i", masses=masses),
            STANDARD,
        )
        (found,) = cut(task)["masses"]
        if isinstance(found, dict):
            return found
        return sorted(tuple(one["box"]) for one in found)

    return boxes


def numbered(*numbers, dtype=np.uint8, shape=SHAPE):
    """(H, W): a number at each of PLACES, one on a third place, and 0 elsewhere."""
    marked = np.zeros(shape, dtype)
    for number, (top, left, height, width) in zip(numbers, (*PLACES, (5, 5, 12, 12)), strict=False):
        marked[top : top + height, left : left + width] = number
    return marked


@pytest.mark.parametrize(
    ("numbers", "dtype"),
    [
        ((1, 2), np.uint8),
        ((100, 255), np.uint8),
        ((1, 255), np.uint8),
        ((255, 128), np.uint8),
        ((1, 2), np.uint16),
        ((40000, 300), np.uint16),
        ((255, 255), np.uint8),
    ],
)
def test_values_of_a_mask_are_masses_of_their_own(cut_by, numbers, dtype):
    assert cut_by(numbered(*numbers, dtype=dtype)) == sorted(PLACES)


def test_masses_that_touch_are_told_apart_by_their_values(cut_by):
    marked = np.zeros(SHAPE, np.uint8)
    marked[50:80, 40:70], marked[80:120, 40:70] = 1, 2

    assert cut_by(marked) == [(50, 40, 30, 30), (80, 40, 40, 30)]


def test_many_consecutive_numbers_are_masses(cut_by):
    marked = np.zeros(SHAPE, np.uint8)
    for number in range(1, 13):
        marked[18 * number : 18 * number + 10, 20:40] = number

    assert len(cut_by(marked)) == 12


def test_soft_edges_are_no_masses(cut_by):
    sharp = numbered(255, 255)
    soft = np.asarray(Image.fromarray(sharp).resize((5 * SHAPE[1], 5 * SHAPE[0])))

    assert len(np.unique(soft)) > 10
    np.testing.assert_allclose(cut_by(soft), sorted(PLACES), atol=2)


def test_mask_compressed_with_loss_is_one_value(cut_by):
    np.testing.assert_allclose(cut_by(numbered(255, 255), jpeg=True), sorted(PLACES), atol=2)


def test_grey_areas_of_a_mask_compressed_with_loss_are_refused(cut_by):
    found = cut_by(numbered(255, 0, 110), jpeg=True)

    assert found["kind"] == "mask cannot be used"
    assert "areas of grey between" in found["reason"]


def test_mask_named_for_one_mass_has_one_value(cut_by):
    found = cut_by(numbered(1, 2), several=False)

    assert found["kind"] == "mask cannot be used"
    assert "one of 2 values" in found["reason"]
    assert cut_by(numbered(2), several=False) == [FIRST]


@pytest.mark.parametrize("level", [0, 60])
def test_image_is_no_mask(cut_by, level):
    grey = (np.indices(SHAPE).sum(axis=0) % 200 + level).astype(np.uint8)

    assert "got none such" in cut_by(grey)["reason"]


def test_box_counted_from_the_bottom_is_turned(tmp_path):
    top, left, height, width = SECOND
    box = {"top": SHAPE[0] - top - height, "left": left, "height": height, "width": width}
    image = write_png(tmp_path / "image.png", mammogram(1))
    mass = MassToCut(label=1, box=Box(**box), from_bottom=True)
    result = cut(
        cut_task(
            ImageToCut(key="i", path=image, shown="i", patient="p", image="i", masses=(mass,)),
            STANDARD,
        )
    )

    assert tuple(result["masses"][0][0]["box"]) == SECOND
    crop = np.asarray(Image.open(io.BytesIO(result["masses"][0][0]["png"])))
    assert crop[64, 64] > crop[2, 2]


def test_tiny_mask_is_warned_of(tmp_path):
    marked = np.zeros(SHAPE, np.uint8)
    marked[50:90, 40:43] = 255
    image = write_png(tmp_path / "image.png", mammogram(1))
    mask = write_png(tmp_path / "mask.png", marked)
    mass = MassToCut(label=1, masks=(mask,), several=True)
    task = cut_task(
        ImageToCut(key="i", path=image, shown="i", patient="p", image="i", masses=(mass,)), STANDARD
    )

    assert cut(task)["masses"][0][0]["warnings"] == [TINY]
