"""Keeps the window (level and width) of grey pictures in the URL; `grey_window.js` shows pictures through it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.ui.components.links import from_link

_NAME = "window"  # in the URL
_FULL = {"level": 128, "width": 256, "invert": False}


def first_window(key: str) -> dict[str, Any]:
    """Returns the window that this session began with, for a component.

    Were it the current one, all pixels would be sent again.

    Args:
        key: Of the component.
    """
    return st.session_state.setdefault(
        f"{key}_window", from_link(_NAME, window_of, dict(_FULL), "the full window")
    )


def remember_window(key: str) -> None:
    """Puts the window that a component tells of into the URL."""
    view = st.session_state[key].view or _FULL
    if view == _FULL:
        st.query_params.pop(_NAME, None)
        return
    inverted = "-inverted" if view["invert"] else ""
    st.query_params[_NAME] = f"{view['level']}-{view['width']}{inverted}"


def window_of(text: str) -> dict[str, Any] | None:
    """Reads the window from the URL; None of a text that is no window.

    Example:
        >>> window_of("90-120-inverted")
        {'level': 90, 'width': 120, 'invert': True}
        >>> window_of("nonsense")
    """
    level, _, rest = text.partition("-")
    width, _, invert = rest.partition("-")
    numbers = all(part.isascii() and part.isdigit() and len(part) < 4 for part in (level, width))
    if not numbers or invert not in ("", "inverted"):
        return None
    return {
        "level": min(int(level), 255),
        "width": min(max(int(width), 2), 512),
        "invert": bool(invert),
    }
