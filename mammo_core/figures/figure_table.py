"""Tabulates the numbers that a figure draws, under the words that stand at its axes."""

from __future__ import annotations

import html
import math
import re
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mammo_core.figures.style import layout_of, traces_of

_MARKUP = re.compile(r"<[^>]*>")
_SCALE = re.compile(r" ?\((log scale|right axis)\)")


def figure_table(figure: go.Figure) -> pd.DataFrame:
    """Makes one row per drawn point or bar; what only guides the eye is left out.

    Returns:
        series (its name in the legend), one column for each axis, named by its title, and "…, low" and "…, high" for
        bands and error bars. An axis in percent is a share from 0 to 1. What stands apart at ∞ is infinite.
    """
    meta = layout_of(figure).meta or {}
    if "table" in meta:
        return pd.DataFrame(meta["table"])
    bands = {
        trace.meta["band_of"]: trace
        for trace in traces_of(figure)
        if trace.meta and "band_of" in trace.meta
    }
    tables = [
        _of_trace(figure, trace, number, bands.get(trace.name))
        for number, trace in enumerate(traces_of(figure), start=1)
        if trace.hoverinfo != "skip" and trace.x is not None and trace.y is not None
    ]
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["series"])


def _of_trace(figure: go.Figure, trace: Any, number: int, band: Any) -> pd.DataFrame:
    x_name, y_name = (_axis_name(figure, kind, trace[f"{kind}axis"]) for kind in "xy")
    x, y = list(trace.x), list(trace.y)
    if trace.xaxis and trace.xaxis == (layout_of(figure).meta or {}).get("infinity"):
        x = [math.inf] * len(x)
    table = pd.DataFrame({"series": _plain(trace.name or f"series {number}"), x_name: x, y_name: y})
    for name, bars in ((x_name, trace.error_x), (y_name, trace.error_y)):
        if bars.array is not None:
            below = bars.array if bars.arrayminus is None else bars.arrayminus
            table[f"{name}, low"] = table[name] - np.asarray(below)
            table[f"{name}, high"] = table[name] + np.asarray(bars.array)
    if band is not None and list(band.x[: len(x)]) == x:
        table[f"{y_name}, low"] = list(band.y[len(x) :])[::-1]
        table[f"{y_name}, high"] = list(band.y[: len(x)])
    return table.dropna(subset=[x_name, y_name], ignore_index=True)


def _axis_name(figure: go.Figure, kind: str, axis: str | None) -> str:
    """The title of an axis, or else of the first one beside it."""
    layout = layout_of(figure)
    drawn = layout[f"{kind}axis{(axis or kind)[1:]}"]
    first = layout[f"{kind}axis"]
    name = _SCALE.sub("", _plain(drawn.title.text or first.title.text or kind))
    texts = drawn.ticktext if drawn.ticktext is not None else ("",)
    is_share = (drawn.tickformat or "").endswith("%") or str(texts[0]).endswith("%")
    return f"{name} (share)" if is_share else name


def _plain(text: str) -> str:
    return html.unescape(" ".join(_MARKUP.sub(" ", text).split()))
