import numpy as np
import pytest

from mammo_core.ingestion.images.grey import Box
from mammo_core.ingestion.images.regions import boxes_from_mask
from tests.ingestion.images.made_dicom import mask_of


def test_every_region_gives_its_box_largest_first():
    small, large = Box(5, 6, 7, 8), Box(50, 20, 30, 40)

    assert boxes_from_mask(mask_of(small, large)) == [large, small]
    assert boxes_from_mask(mask_of(small, large).astype(bool)) == [large, small]


def test_dust_and_empty_masks_give_nothing():
    assert boxes_from_mask(mask_of(Box(3, 3, 2, 2))) == []
    assert boxes_from_mask(mask_of()) == []
    assert boxes_from_mask(mask_of(Box(3, 3, 2, 2)), min_px=4) == [Box(3, 3, 2, 2)]


def test_whole_mask_gives_the_whole_image():
    assert boxes_from_mask(np.ones((30, 20), bool)) == [Box(0, 0, 30, 20)]


def test_touching_at_a_corner_is_one_region():
    mask = mask_of(Box(10, 10, 5, 5), Box(15, 15, 5, 5))

    assert boxes_from_mask(mask) == [Box(10, 10, 10, 10)]


@pytest.mark.parametrize(("join_px", "count"), [(0, 2), (3, 2), (4, 1), (10, 1)])
def test_near_regions_are_joined_if_asked(join_px, count):
    mask = mask_of(Box(10, 10, 8, 8), Box(10, 22, 8, 8))

    found = boxes_from_mask(mask, join_px=join_px)

    assert len(found) == count
    if count == 1:
        assert found == [Box(10, 10, 8, 20)]
