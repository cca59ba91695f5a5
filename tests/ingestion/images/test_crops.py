import io

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from mammo_core.errors import IngestionError, InvalidRequestError
from mammo_core.ingestion.images.crops import (
    PAPER,
    RECIPES,
    WHOLE,
    CropRecipe,
    crop_square,
    mass_crop,
)
from mammo_core.ingestion.images.formats import read_image
from mammo_core.ingestion.images.grey import Box

SHAPE = (1000, 800)


def picture_of(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return read_image(file.getvalue())


@pytest.mark.parametrize("box", [Box(400, 300, 100, 60), Box(400, 300, 60, 100)])
def test_standard_square_is_centred_with_margin(box):
    assert crop_square(box, SHAPE, CropRecipe(margin_share=0.25, min_side_px=1)) == Box(
        top=box.top - (150 - box.height) // 2,
        left=box.left - (150 - box.width) // 2,
        height=150,
        width=150,
    )


def test_small_mass_keeps_its_size():
    square = crop_square(Box(400, 300, 10, 10), SHAPE, CropRecipe(min_side_px=64))

    assert (square.height, square.width) == (64, 64)


@pytest.mark.parametrize(
    ("box", "corner"),
    [
        (Box(0, 0, 100, 100), (0, 0)),
        (Box(950, 750, 50, 50), (1000 - 74, 800 - 74)),
    ],
)
def test_square_at_an_edge_is_moved_in(box, corner):
    square = crop_square(box, SHAPE, CropRecipe(min_side_px=1))

    assert (square.top, square.left) == corner
    assert square.inside(SHAPE)


def test_square_larger_than_the_image_reaches_over_both_ends():
    square = crop_square(Box(0, 0, 40, 300), (40, 300), WHOLE)

    assert square == Box(-130, 0, 300, 300)


@given(
    shape=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    box=st.builds(
        Box,
        st.integers(-50, 399),
        st.integers(-50, 399),
        st.integers(1, 500),
        st.integers(1, 500),
    ),
    recipe=st.builds(
        CropRecipe,
        margin_px=st.integers(0, 80),
        margin_share=st.floats(0, 2),
        min_side_px=st.integers(1, 300),
    ),
)
def test_square_holds_what_of_the_box_lies_on_the_image(shape, box, recipe):
    assume(box.overlaps(shape))

    square = crop_square(box, shape, recipe)

    assert square.height == square.width >= max(box.height, box.width, recipe.min_side_px)
    assert square.top <= max(box.top, 0)
    assert square.left <= max(box.left, 0)
    assert square.top + square.height >= min(box.top + box.height, shape[0])
    assert square.left + square.width >= min(box.left + box.width, shape[1])
    if square.height <= min(shape):
        assert square.inside(shape)


def test_paper_recipe_adds_60_px_by_width_and_lies_too_high_and_left():
    square = crop_square(Box(400, 300, 200, 100), SHAPE, PAPER)

    shift = round(0.06 * 220)
    assert square == Box(400 - (220 - 200) // 2 - 60 - shift, 240 - shift, height=220, width=220)


def test_paper_recipe_puts_masses_where_they_lie_in_the_published_crops():
    square = crop_square(Box(1000, 1000, 330, 330), (4000, 3000), PAPER)

    below, right = (
        128 * (1165 - start - square.height / 2) / square.height
        for start in (square.top, square.left)
    )
    assert (round(below), round(right)) == (25, 8)


def test_mass_of_any_size_becomes_one_size():
    rng = np.random.default_rng(0)
    picture = picture_of(rng.integers(0, 256, (300, 200), dtype=np.uint8))

    for recipe in RECIPES.values():
        for box in (Box(10, 10, 3, 3), Box(50, 40, 128, 128), Box(0, 0, 300, 200)):
            crop = mass_crop(picture, box, recipe)
            assert (crop.shape, crop.dtype) == ((128, 128), np.uint8)


def test_crop_of_the_final_size_is_the_pixels_themselves():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (128, 128), dtype=np.uint8)

    np.testing.assert_array_equal(mass_crop(picture_of(pixels), Box(0, 0, 128, 128), WHOLE), pixels)


def test_shrinking_averages():
    checks = np.indices((256, 256)).sum(0) % 2 * np.uint8(200)

    crop = mass_crop(picture_of(checks.astype(np.uint8)), Box(0, 0, 256, 256), WHOLE)

    assert np.unique(crop).tolist() == [100]


def test_range_is_that_of_the_whole_image():
    pixels = np.full((200, 200), 100, np.uint8)
    pixels[0, 0], pixels[0, 1] = 50, 200
    recipe = CropRecipe(grey="range", min_side_px=1, margin_share=0)

    crop = mass_crop(picture_of(pixels), Box(100, 100, 50, 50), recipe)

    assert np.unique(crop).tolist() == [85]


def test_box_beside_the_picture_is_refused():
    with pytest.raises(IngestionError, match="Expected a box on the image"):
        mass_crop(picture_of(np.zeros((100, 100), np.uint8)), Box(100, 0, 5, 5), CropRecipe())


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_px": 8},
        {"size_px": 5000},
        {"margin_px": -1},
        {"margin_share": float("nan")},
        {"min_side_px": 0},
        {"side": "height"},
        {"grey": "loud"},
    ],
)
def test_impossible_recipe_is_refused(wrong):
    with pytest.raises(InvalidRequestError, match="Expected"):
        CropRecipe(**wrong)


def test_recipe_survives_json():
    for recipe in RECIPES.values():
        assert CropRecipe(**recipe.to_dict()) == recipe
