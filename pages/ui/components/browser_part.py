"""Reads the html, css and js files of a component that runs in the browser."""

from __future__ import annotations

from pathlib import Path

from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer


def browser_part(name: str, stem: str) -> ComponentRenderer:
    """Registers a component under a name; its files lie beside this one.

    Args:
        stem: Of the three files, without ending.
    """
    html, css, js = (
        (Path(__file__).parent / f"{stem}.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    return component(name, html=html, css=css, js=js)
