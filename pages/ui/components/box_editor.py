"""Asks for a box around a mass: drawn on the picture by pointer, finger or keys, or typed as numbers."""

from __future__ import annotations

import base64
import io
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from pages.ui.components.browser_part import browser_part
from pages.ui.components.inputs import require_within

if TYPE_CHECKING:
    import numpy as np

    from mammo_core.ingestion.images.formats import Box, GreyImage

_STAGE = browser_part("case_box", "box_editor")
_SIDES = ("top", "left", "height", "width")
_SHOWN_PX = 1400  # longest side of what the browser gets
HINT = (
    "Drag to draw a box around the mass. Drag the box to move it, or a corner to resize it. By "
    "keyboard: Enter puts a box, arrows move it, Shift with arrows resizes it, + and − scale it, "
    "Escape removes it."
)


def box_on_picture(picture: GreyImage, *, key: str, picture_key: str) -> Box | None:
    """Shows a picture to draw a box on.

    Args:
        key: Of the widget and of its numbers.
        picture_key: Another one for every picture: its box starts anew.

    Returns:
        The box in pixels of the picture; None until there is one.
    """
    from mammo_core.ingestion.images.formats import Box

    if st.session_state.get(f"{key}_of") != picture_key:
        st.session_state[f"{key}_of"] = picture_key
        st.session_state[f"{key}_shown"] = _encoded(picture.grey())
        st.session_state[f"{key}_typed"] = None
        _set_numbers(key, None)
    height, width = picture.shape
    _STAGE(
        key=f"{key}_{picture_key}",
        data={
            "picture": st.session_state[f"{key}_shown"],
            "shape": [height, width],
            # what was typed, not what was drawn: else all pixels would be sent again after each drag
            "box": st.session_state[f"{key}_typed"],
            "label": "The mammogram, to draw a box on",
            "hint": HINT,
        },
        on_box_change=partial(_take_drawn, key, picture_key),
    )
    limits = dict(zip(_SIDES, (height - 1, width - 1, height, width), strict=True))
    numbers: list[int | None] = [
        column.number_input(
            f"{side.capitalize()} (pixels)",
            value=None,
            step=1,
            key=f"{key}_{side}",
            on_change=_take_typed,
            args=(key,),
            placeholder="none",
        )
        for side, column in zip(_SIDES, st.columns(4), strict=True)
    ]
    for side, number in zip(_SIDES, numbers, strict=True):
        least = int(side in ("height", "width"))
        require_within(f"{side.capitalize()} (pixels)", number, least, limits[side])
    typed = [number for number in numbers if number is not None]
    return Box(*typed) if len(typed) == len(_SIDES) else None


def forget_box(key: str) -> None:
    """Forgets the picture and its box."""
    for part in ("of", "shown", "typed", *_SIDES):
        st.session_state.pop(f"{key}_{part}", None)


def _take_drawn(key: str, picture_key: str) -> None:
    _set_numbers(key, st.session_state[f"{key}_{picture_key}"].box)


def _take_typed(key: str) -> None:
    numbers = [st.session_state[f"{key}_{side}"] for side in _SIDES]
    if None not in numbers:
        st.session_state[f"{key}_typed"] = numbers


def _set_numbers(key: str, box: list[int] | None) -> None:
    for side, number in zip(_SIDES, box or [None] * len(_SIDES), strict=True):
        st.session_state[f"{key}_{side}"] = number


def _encoded(grey: np.ndarray) -> str:
    """Encodes the picture as a data address, reduced to what a screen shows."""
    picture = Image.fromarray(grey)
    picture.thumbnail((_SHOWN_PX, _SHOWN_PX), Image.Resampling.BOX)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
