"""Reads the html, css and js files of a component that runs in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

_UNSEEN = '<style>[data-testid="stLayoutWrapper"]:has(> [class*="st-key-unseen_"]) { display: none; }</style>'


def browser_part(name: str, stem: str) -> ComponentRenderer:
    """Registers a component under a name; its files lie beside this one.

    Args:
        stem: Of the files, without ending. What works unseen has a js file only.
    """
    files = {kind: Path(__file__).parent / f"{stem}.{kind}" for kind in ("html", "css", "js")}
    texts = {
        kind: file.read_text(encoding="utf-8") for kind, file in files.items() if file.exists()
    }
    return component(name, html=texts.get("html"), css=texts.get("css"), js=texts.get("js"))


def draw_unseen(part: ComponentRenderer, key: str, **others: Any) -> None:
    """Draws a component that works unseen, without the gap that what is drawn leaves.

    Args:
        others: For the component.
    """
    with st.container(key=f"unseen_{key}"):
        st.html(_UNSEEN)
        part(key=key, **others)
