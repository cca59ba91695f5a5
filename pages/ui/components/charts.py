"""Draws figures the same way on every page: readable in both themes, larger in talk mode."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import streamlit as st

from mammo_core.figures.big_screen import FONT_PX, for_big_screen
from mammo_core.figures.style import layout_of, traces_of
from pages.ui.components.export import ExportBundle, export_button
from pages.ui.components.talk_mode import in_talk_mode

if TYPE_CHECKING:
    import plotly.graph_objects as go


_FONT_PX = 14
_TOOLBAR_PX, _LEGEND_PX = 36, 28  # room above what is drawn


def chart(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    big_height: int = 560,
    big_font: int = FONT_PX,
    toolbar: dict[str, Any] | bool = False,
    bundle: ExportBundle | None = None,
    **options: Any,
) -> Any:
    """Draws a figure and below it the button that exports it; talk mode enlarges the figure.

    Args:
        figure: Changed in place in talk mode.
        alt: What it shows, for those who cannot see it.
        big_height: In pixels, in talk mode.
        big_font: Of its type in talk mode, in pixels.
        toolbar: Plotly's toolbar, or how it saves images; never in talk mode.
        bundle: Name and provenance of the export; None draws no button.
        options: For `st.plotly_chart`.

    Returns:
        What `st.plotly_chart` returns.
    """
    config: dict[str, Any] = {"displaylogo": False, "responsive": True}
    if in_talk_mode():
        figure = for_big_screen(figure, height=big_height, font_px=big_font)
        toolbar = False
    else:
        figure = _readable(figure, with_toolbar=toolbar is not False)
    if toolbar is False:
        config["displayModeBar"] = False
    elif isinstance(toolbar, dict):
        config["toImageButtonOptions"] = toolbar
    event = st.plotly_chart(figure, key=key, alt=alt, config=config, **options)
    if bundle is not None:
        export_button(dataclasses.replace(bundle, figures={bundle.provenance.title: figure}))
    return event


def _readable(figure: go.Figure, *, with_toolbar: bool) -> go.Figure:
    """Copies a figure with type that is read on a laptop, and with room for the toolbar above what is drawn."""
    import plotly.graph_objects as go

    font = {"size": _FONT_PX}
    shown = go.Figure(figure).update_layout(legend={"font": font})
    shown.update_xaxes(tickfont=font, title={"font": font})
    shown.update_yaxes(tickfont=font, title={"font": font})
    if with_toolbar:
        has_legend = next(_in_legend(shown), None) is not None
        above = layout_of(shown).showlegend is not False and has_legend
        top = layout_of(shown).margin.t or 0
        shown.update_layout(margin={"t": max(top, _TOOLBAR_PX + _LEGEND_PX * above)})
    return shown


def legend_row(figure: go.Figure) -> None:
    """Writes the legend of a figure as a row of text, for several figures that share it."""
    marks = [
        f'<span class="mark">{_sample(trace)}{html.escape(trace.name)}</span>'
        for trace in _in_legend(figure)
    ]
    st.html(f'<div class="legend">{"".join(marks)}</div>')


def _in_legend(figure: go.Figure) -> Iterator[Any]:
    named = (trace for trace in traces_of(figure) if trace.name)
    return (trace for trace in named if trace.showlegend is not False)


def _sample(trace: Any) -> str:
    """Draws a piece of a line with its mark."""
    colour = html.escape(trace.marker.color or trace.line.color)
    dash = "solid" if trace.line.dash in (None, "solid") else "dashed"
    mark = "◇" if (trace.marker.symbol or "").endswith("-open") else "●"
    return f'<span class="line" style="color: {colour}; border-top-style: {dash}">{mark}</span>'
