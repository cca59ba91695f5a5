"""The slides of a talk: one sentence, one figure or some pictures, and what must not be left unsaid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.ui.components.charts import chart
from pages.ui.components.talk_mode import step_through, talk_frame, talk_title

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Slide:
    """One step of a talk.

    Attributes:
        sentence: At most 25 words.
        note: What must not be left unsaid, in small type.
        content: A figure, which is fitted to the screen, or a function that draws pictures.
        alt: The figure in words.
    """

    sentence: str
    note: str
    content: go.Figure | Callable[[], None]
    alt: str = ""


def show_slides(title: str, slides: Mapping[str, Callable[[], Slide]], key: str) -> None:
    """Draws the slide that the URL names, with buttons to the one before and after it.

    Args:
        title: Of the page, in one small line.
        slides: By name; a slide is made when it is shown.
        key: Tells the buttons of several pages apart.
    """
    talk_frame()
    talk_title(title)
    slide = list(slides.values())[step_through(list(slides), key)]()
    st.markdown(f"## {slide.sentence}")
    if callable(slide.content):
        slide.content()
    else:
        # talk mode fits this container to the screen
        with st.container(height=600, border=False, key="talk_stage"):
            chart(slide.content, key="story", alt=slide.alt, height="stretch")
    st.caption(slide.note)
