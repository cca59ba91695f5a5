"""Slides of figures: the picture, its title and where it is from."""

import io

import pytest
from PIL import Image
from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE

from mammo_core.figures.provenance import Provenance
from mammo_core.results.reporting.slides import figure_slides

TOLD = Provenance(title="ROC curves", notes=("ε = 6 per patient.", "Run 0123."))


def picture(width=1100, height=600):
    content = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(content, "PNG")
    return content.getvalue()


def parts_of(slide):
    pictures = [s for s in slide.shapes if s.shape_type == MSO_SHAPE_TYPE.PICTURE]
    texts = [s.text_frame.text for s in slide.shapes if s.has_text_frame]
    return pictures, texts


def test_slide_holds_picture_title_and_source_line():
    drawn = picture()

    file = Presentation(io.BytesIO(figure_slides({"ROC of <b>a</b>": drawn}, TOLD)))

    (slide,) = file.slides
    ((found,), (title, source)) = parts_of(slide)
    assert found.image.blob == drawn
    assert found._element._nvXxPr.cNvPr.get("descr") == title == "ROC of <b>a</b>"
    assert source.startswith("Research use only, not for diagnosis. ε = 6 per patient. Run 0123.")
    assert "Mammo Privacy Explorer" in source
    assert "ε = 6 per patient." in slide.notes_slide.notes_text_frame.text


@pytest.mark.parametrize("size", [(1100, 600), (300, 900), (2200, 400)])
def test_picture_stays_between_title_and_source_with_its_proportions(size):
    file = Presentation(io.BytesIO(figure_slides({"a": picture(*size)}, TOLD)))

    (found,), _ = parts_of(file.slides[0])
    title, source = (s for s in file.slides[0].shapes if s.has_text_frame)
    assert found.width / found.height == pytest.approx(size[0] / size[1], rel=1e-3)
    assert title.top + title.height <= found.top
    assert found.top + found.height <= source.top
    assert found.left >= 0 and found.left + found.width <= file.slide_width


def test_each_picture_has_its_slide_and_control_characters_do_no_harm():
    told = Provenance(title="a\x00b", notes=("x\x0by" * 300,))

    file = Presentation(io.BytesIO(figure_slides({"a\x00": picture(), "b": picture()}, told)))

    assert len(file.slides) == 2
    assert len(parts_of(file.slides[0])[1][1]) <= 420
