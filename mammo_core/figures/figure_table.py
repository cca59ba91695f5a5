"""Tabulates the numbers that a figure draws."""

from __future__ import annotations

import html
import re
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mammo_core.figures.style import traces_of

_MARKUP = re.compile(r"<[^>]*>")


def figure_table(figure: go.Figure) -> pd.DataFrame:
    """Makes one row per drawn point or bar.

    Returns:
        series (its name in the legend), x, y, and where the figure has them x_minus, x_plus, y_minus, y_plus (lengths of
        error bars) and label.
    """
    tables = [_of_trace(trace, number) for number, trace in enumerate(traces_of(figure), start=1)]
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=["series", "x", "y"])
    return pd.concat(tables, ignore_index=True)


def _of_trace(trace: Any, number: int) -> pd.DataFrame:
    columns = {"x": trace.x, "y": trace.y}
    for axis, bars in (("x", trace.error_x), ("y", trace.error_y)):
        if bars.array is not None:
            columns[f"{axis}_minus"] = bars.array if bars.arrayminus is None else bars.arrayminus
            columns[f"{axis}_plus"] = bars.array
    if trace.text is not None and not isinstance(trace.text, str):
        columns["label"] = [_plain(text) for text in trace.text]
    table = pd.DataFrame(
        {name: list(values) for name, values in columns.items() if values is not None}
    )
    table.insert(0, "series", _plain(trace.name or f"series {number}"))
    return table


def _plain(text: str) -> str:
    return html.unescape(" ".join(_MARKUP.sub(" ", text).split()))
