"""Asks for a box around a mass in each of one or two pictures: drawn by pointer, finger or keys, or typed as numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from pages.ui.components.browser_part import browser_part
from pages.ui.components.grey_window import first_window, remember_window
from pages.ui.components.inputs import require_within

if TYPE_CHECKING:
    import numpy as np
    from streamlit.delta_generator import DeltaGenerator

    from mammo_core.ingestion.images.formats import Box, GreyImage

_STAGE = browser_part("case_box", "box_editor", "grey_window")
_SIDES = ("top", "left", "height", "width")
_SHOWN_PX = 4096  # longest side of what the browser gets: most mammograms whole
HINT = (
    "Drag to draw a box around the mass. Drag the box to move it, or a corner to resize it. Turn "
    "the wheel or pinch to zoom. Drag with the space key, the middle button or Pan to move the "
    "picture. By keyboard: Enter puts a box, arrows move it, Shift with arrows resizes it, Escape "
    "removes it, + and − zoom, 0 shows all, P turns Pan on and off."
)


@dataclass(frozen=True, eq=False)
class PictureView:
    """A picture as it is shown to draw a box on.

    Attributes:
        key: Another one for every picture: its box starts anew.
        name: Above the picture; none if empty.
        mirrored: Whether it is shown mirrored; its box counts in its own pixels all the same.
    """

    key: str
    picture: GreyImage
    name: str = ""
    mirrored: bool = False


@dataclass
class _Drawn:
    """What the session remembers of a picture.

    Attributes:
        shown: As a data address.
        box: (top, left, height, width).
        typed, times_typed: The last box that was typed as numbers, for the browser. Were it the drawn one, all pixels
            would be sent again after each drag.
    """

    shown: str
    box: list[int] | None = None
    typed: list[int] | None = None
    times_typed: int = 0


def boxes_on_pictures(views: Sequence[PictureView], *, key: str) -> list[Box | None]:
    """Shows pictures side by side to draw a box on each.

    Args:
        key: Of the widget and of the session's memory of pictures and boxes.

    Returns:
        The boxes in pixels of the pictures; None until there is one.
    """
    known: dict[str, _Drawn] = st.session_state.get(key + "_shown", {})
    drawn = {one.key: known.get(one.key) or _Drawn(_encoded(one.picture.grey())) for one in views}
    st.session_state[key + "_shown"] = drawn
    _STAGE(
        key=key,
        data={
            "views": [
                {
                    "key": one.key,
                    "picture": drawn[one.key].shown,
                    "shape": list(one.picture.shape),
                    "mirrored": one.mirrored,
                    "name": one.name + (", mirrored" if one.mirrored else ""),
                    "label": f"The mammogram, to draw a box on{one.name and f': {one.name}'}",
                    "typed": {"count": drawn[one.key].times_typed, "box": drawn[one.key].typed},
                }
                for one in views
            ],
            "hint": HINT,
            "view": first_window(key),
        },
        on_boxes_change=partial(_take_drawn, key),
        on_view_change=partial(remember_window, key),
    )
    return [
        _typed_box(one, drawn[one.key], column, key)
        for one, column in zip(views, st.columns(len(views)), strict=True)
    ]


def forget_boxes(key: str) -> None:
    """Forgets all pictures and their boxes."""
    st.session_state.pop(key + "_shown", None)


def _typed_box(view: PictureView, drawn: _Drawn, place: DeltaGenerator, key: str) -> Box | None:
    from mammo_core.ingestion.images.formats import Box

    height, width = view.picture.shape
    limits = dict(zip(_SIDES, (height - 1, width - 1, height, width), strict=True))
    keys = {side: f"{key}_{view.key}_{side}" for side in _SIDES}
    with place:
        columns = st.columns(len(_SIDES))
    numbers: list[int] = []
    for number, (side, column) in enumerate(zip(_SIDES, columns, strict=True)):
        label = f"{side.capitalize()} (pixels){view.name and f', {view.name}'}"
        st.session_state.setdefault(keys[side], drawn.box and drawn.box[number])
        found = column.number_input(
            label,
            value=None,
            step=1,
            key=keys[side],
            on_change=_take_typed,
            args=(drawn, keys),
            placeholder="none",
        )
        require_within(label, found, int(side in ("height", "width")), limits[side])
        if found is not None:
            numbers.append(found)
    return Box(*numbers) if len(numbers) == len(_SIDES) else None


def _take_drawn(key: str) -> None:
    for picture_key, box in (st.session_state[key].boxes or {}).items():
        drawn = st.session_state.get(key + "_shown", {}).get(picture_key)
        if drawn is not None:
            drawn.box = box
            for number, side in enumerate(_SIDES):
                st.session_state[f"{key}_{picture_key}_{side}"] = box and box[number]


def _take_typed(drawn: _Drawn, keys: dict[str, str]) -> None:
    numbers = [st.session_state[keys[side]] for side in _SIDES]
    if None not in numbers:
        drawn.box = drawn.typed = numbers
        drawn.times_typed += 1


def _encoded(grey: np.ndarray) -> str:
    """Encodes the picture as a data address, reduced to what a screen shows."""
    picture = Image.fromarray(grey)
    picture.thumbnail((_SHOWN_PX, _SHOWN_PX), Image.Resampling.BOX)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
