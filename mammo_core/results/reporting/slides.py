"""Writes figures as slides: a title, the picture and a line that says where it is from."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mammo_core.figures.provenance import RESEARCH_USE, Provenance
from mammo_core.text.untrusted import single_line

if TYPE_CHECKING:
    from pptx.presentation import Presentation as SlideFile

_WIDTH_IN, _HEIGHT_IN, _EDGE_IN = 13.333, 7.5, 0.5
_TITLE_IN, _SOURCE_IN, _GAP_IN = 0.9, 0.75, 0.15
_TITLE_PT, _SOURCE_PT = 26, 11
_LONGEST_SOURCE, _LONGEST_NOTE = 420, 4000  # letters
_TITLE_ONLY = 5  # among the layouts of python-pptx's own template


def figure_slides(pictures: Mapping[str, bytes], provenance: Provenance) -> bytes:
    """Writes a PowerPoint file of wide slides, one for each picture; a slide's notes hold the whole provenance.

    Args:
        pictures: PNG files by title.
        provenance: Of all of them; its notes are in the source line.
    """
    from pptx import Presentation
    from pptx.util import Inches

    file = Presentation()
    file.slide_width, file.slide_height = Inches(_WIDTH_IN), Inches(_HEIGHT_IN)
    facts = file.core_properties
    facts.title, facts.author = single_line(provenance.title), "Mammo Privacy Explorer"
    for title, picture in pictures.items():
        _add_slide(file, picture, Provenance(title=title, notes=provenance.notes))
    content = io.BytesIO()
    file.save(content)
    return content.getvalue()


def _add_slide(file: SlideFile, picture: bytes, provenance: Provenance) -> None:
    """Adds one slide; the picture is as large as it can be between title and source line."""
    slide: Any = file.slides.add_slide(file.slide_layouts[_TITLE_ONLY])
    title = single_line(provenance.title)
    _write(slide.shapes.title, title, _TITLE_PT, top=_GAP_IN, height=_TITLE_IN)
    source = slide.shapes.add_textbox(0, 0, 0, 0)
    said = " ".join(
        [RESEARCH_USE, *provenance.notes, f"Made with {provenance.facts()['Software']}."]
    )
    bottom = _HEIGHT_IN - _GAP_IN - _SOURCE_IN
    _write(source, single_line(said, _LONGEST_SOURCE), _SOURCE_PT, top=bottom, height=_SOURCE_IN)
    _add_picture(slide, picture, title, top=_GAP_IN + _TITLE_IN, bottom=bottom - _GAP_IN)
    notes = provenance.readme().split("\n\n")
    slide.notes_slide.notes_text_frame.text = "\n".join(
        single_line(note, _LONGEST_NOTE) for note in notes
    )


def _write(shape: Any, text: str, size_pt: int, *, top: float, height: float) -> None:
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    shape.left, shape.width = Inches(_EDGE_IN), Inches(_WIDTH_IN - 2 * _EDGE_IN)
    shape.top, shape.height = Inches(top), Inches(height)
    shape.text_frame.word_wrap = True
    shape.text_frame.text = text
    paragraph = shape.text_frame.paragraphs[0]
    paragraph.alignment, paragraph.font.size = PP_ALIGN.LEFT, Pt(size_pt)


def _add_picture(slide: Any, picture: bytes, alt: str, *, top: float, bottom: float) -> None:
    from pptx.util import Inches

    drawn = slide.shapes.add_picture(io.BytesIO(picture), 0, 0)
    wide, high = Inches(_WIDTH_IN - 2 * _EDGE_IN), Inches(bottom - top)
    scale = min(wide / drawn.width, high / drawn.height)
    drawn.width, drawn.height = round(drawn.width * scale), round(drawn.height * scale)
    drawn.left = round((Inches(_WIDTH_IN) - drawn.width) / 2)
    drawn.top = Inches(top) + round((high - drawn.height) / 2)
    drawn._element._nvXxPr.cNvPr.set("descr", alt)  # what a screen reader says
