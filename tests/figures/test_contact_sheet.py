"""Contact sheets: every image as it is, captions, and what the sheet is not for, in pixels and in text."""

import io

import numpy as np
import pytest
from PIL import Image

from mammo_core.errors import InvalidRequestError
from mammo_core.figures.contact_sheet import contact_sheet
from mammo_core.figures.provenance import Provenance

TOLD = Provenance(title="Masses of <g>", notes=("Promise: (10, 0.0001)-DP. " + "word " * 60,))


def images(count, shape=(128, 128)):
    return list(np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8))


def opened(content):
    with Image.open(io.BytesIO(content)) as sheet:
        return np.asarray(sheet), sheet.text


@pytest.mark.parametrize("count", [1, 3, 17])
def test_every_image_is_on_the_sheet_as_it_is(count):
    drawn = images(count)

    pixels, _ = opened(contact_sheet(drawn, [f"seed {n}" for n in range(count)], TOLD))

    for number, image in enumerate(drawn):
        top, left = 44 + number // 8 * 154, 8 + number % 8 * 136
        np.testing.assert_array_equal(pixels[top : top + 128, left : left + 128], image)


def test_margin_and_text_say_what_it_is():
    small, facts = opened(contact_sheet(images(2), ["a", "b"], Provenance(title="t")))
    large, _ = opened(contact_sheet(images(2), ["a", "b"], TOLD))

    foot = small[44 + 154 :]
    assert (foot < 128).sum() > 100  # letters
    assert facts["Disclaimer"] == "Research use only, not for diagnosis."
    assert len(large) > len(small)  # notes are wrapped, not cut


def test_captions_of_any_language_are_drawn_without_failing():
    contact_sheet(images(1), ["乳房 ε \u202e"], Provenance(title="é" * 300))


def test_nothing_and_several_sizes_are_refused():
    with pytest.raises(InvalidRequestError, match="images >= 1"):
        contact_sheet([], [], TOLD)
    with pytest.raises(InvalidRequestError, match="one size"):
        contact_sheet(images(1) + images(1, (5, 5)), ["a", "b"], TOLD)
