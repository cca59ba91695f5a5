"""Enlarges a figure for a lecture hall: larger type, thicker lines, larger marks."""

from __future__ import annotations

import plotly.graph_objects as go

from mammo_core.figures.style import layout_of, traces_of

FONT_PX, _LINE, _MARK = 28, 1.7, 1.5


def for_big_screen(figure: go.Figure, *, height: int = 620, font_px: int = FONT_PX) -> go.Figure:
    """Enlarges the figure in place and returns it.

    Args:
        height: In pixels.
        font_px: Of all type; smaller where several figures share a row.
    """
    font = {"size": font_px}
    figure.update_layout(font=font, height=height, hoverlabel={"font": font})
    figure.update_layout(legend={"font": font})
    figure.update_xaxes(tickfont=font, title={"font": font}, automargin=True)
    figure.update_yaxes(tickfont=font, title={"font": font}, automargin=True)
    for note in layout_of(figure).annotations:
        note.font.size = font_px
    for trace in traces_of(figure):
        if trace.type == "scatter":
            if trace.line.width:
                trace.line.width *= _LINE
            if isinstance(trace.marker.size, int | float):
                trace.marker.size *= _MARK
    return figure
