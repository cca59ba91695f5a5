"""Shows masses side by side under one window of level and width, to view, select and open.

Everything that must answer at once happens in the browser (`image_grid.js`). Python sends the drawn pixels
and receives what was opened and selected, and the window, once it rests, for the URL.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from pages.ui.components.browser_part import browser_part
from pages.ui.components.grey_window import first_window, remember_window

_BOARD = browser_part("mass_board", "image_grid", "grey_window")
HINT = (
    "Drag on a mass: left and right change the width (contrast), up and down the level "
    "(brightness). Only the display changes. Downloads keep the drawn pixels."
)


@dataclass(frozen=True)
class Tile:
    """One picture of a grid.

    Attributes:
        key: Unique in its grid; reported when it is opened or selected.
        image: (H, H) uint8.
        caption: Below the picture.
        alt: The picture in words, for screen readers.
    """

    key: str
    image: np.ndarray
    caption: str
    alt: str


def image_grid(
    tiles: Sequence[Tile],
    *,
    key: str,
    label: str,
    tile: str = "7rem",
    columns: int = 0,
    few: bool = False,
    tools: bool = False,
    hint: str = "",
    selectable: bool = False,
    on_opened: Callable[[str], None] | None = None,
) -> list[str]:
    """Draws a grid of pictures.

    Args:
        key: Of the widget; session state `KEY_chosen` remembers the selection.
        label: What the pictures are, for screen readers.
        tile: Least width of a picture, any CSS length; with `columns`, the greatest.
        columns: A fixed number of columns; 0 takes as many as fit.
        few: Lets two or three pictures grow into the room there is.
        tools: Shows sliders, presets and invert; dragging works without.
        on_opened: Called with the key of the opened tile; None makes tiles that do not open.

    Returns:
        Keys of the selected tiles, in the order of the tiles.
    """
    memory = f"{key}_chosen"
    _BOARD(
        key=key,
        data={
            "tiles": [
                {
                    "key": one.key,
                    "pixels": base64.b64encode(one.image.tobytes()).decode(),
                    "caption": one.caption,
                    "alt": one.alt,
                }
                for one in tiles
            ],
            "label": label,
            "tile": tile,
            "columns": columns,
            "few": few,
            "tools": tools,
            "hint": hint,
            "selectable": selectable,
            "openable": on_opened is not None,
            "key": key,
            "view": first_window(key),
        },
        on_view_change=partial(remember_window, key),
        on_chosen_change=partial(_remember_chosen, key, memory),
        on_opened_change=partial(_tell_opened, key, on_opened),
    )
    chosen = set(st.session_state.get(memory, []))
    return [one.key for one in tiles if one.key in chosen]


def _remember_chosen(key: str, memory: str) -> None:
    st.session_state[memory] = st.session_state[key].chosen or []


def _tell_opened(key: str, on_opened: Callable[[str], None] | None) -> None:
    opened = st.session_state[key].opened
    if opened and on_opened:
        on_opened(opened)
