"""Draws figures the same way on every page: readable in both themes, larger in talk mode."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.ui.components.export import ExportBundle, export_button
from pages.ui.components.talk_mode import in_talk_mode

if TYPE_CHECKING:
    import plotly.graph_objects as go

_READABLE = """<style>
[data-testid="stPlotlyChart"] svg text:not(.nums):not(.name) { fill: currentColor !important; }
</style>"""


def readable_type() -> None:
    """Gives the text in all figures the colour of the page's text; call once per page."""
    st.html(_READABLE)


def chart(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    big_height: int = 560,
    toolbar: dict[str, Any] | bool = False,
    bundle: ExportBundle | None = None,
    **options: Any,
) -> Any:
    """Draws a figure and below it the button that exports it; talk mode enlarges the figure.

    Args:
        figure: Changed in place in talk mode.
        alt: What it shows, for those who cannot see it.
        big_height: In pixels, in talk mode.
        toolbar: Plotly's toolbar, or how it saves images; never in talk mode.
        bundle: Name and provenance of the export; None draws no button.
        options: For `st.plotly_chart`.

    Returns:
        What `st.plotly_chart` returns.
    """
    config: dict[str, Any] = {"displaylogo": False, "responsive": True}
    if in_talk_mode():
        from mammo_core.figures.big_screen import for_big_screen

        figure = for_big_screen(figure, height=big_height)
        toolbar = False
    if toolbar is False:
        config["displayModeBar"] = False
    elif isinstance(toolbar, dict):
        config["toImageButtonOptions"] = toolbar
    event = st.plotly_chart(figure, key=key, alt=alt, config=config, **options)
    if bundle is not None:
        export_button(dataclasses.replace(bundle, figures={bundle.provenance.title: figure}))
    return event
