"""Reads the html, css and js files of a component that runs in the browser."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

_UNSEEN = '<style>[data-testid="stLayoutWrapper"]:has(> [class*="st-key-unseen_"]) { display: none; }</style>'


def browser_part(name: str, stem: str, *before: str) -> ComponentRenderer:
    """Registers a component under a name; its files lie beside this one.

    Args:
        stem: Of the files, without ending. What works unseen has a js file only.
        before: Stems of files that several components share; their texts stand before its own.
    """
    texts = {kind: _joined((*before, stem), kind) for kind in ("html", "css", "js")}
    return component(name, html=texts["html"], css=texts["css"], js=texts["js"])


def _joined(stems: Iterable[str], kind: str) -> str | None:
    files = (Path(__file__).parent / f"{stem}.{kind}" for stem in stems)
    texts = [file.read_text(encoding="utf-8") for file in files if file.exists()]
    return "".join(texts) or None


def draw_unseen(part: ComponentRenderer, key: str, **others: Any) -> None:
    """Draws a component that works unseen, without the gap that what is drawn leaves.

    Args:
        others: For the component.
    """
    with st.container(key=f"unseen_{key}"):
        st.html(_UNSEEN)
        part(key=key, **others)
