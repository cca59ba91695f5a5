"""The dotted line from corner to corner that a curve is read against."""

import plotly.graph_objects as go

from mammo_core.figures.palette import NEUTRAL


def diagonal(name: str, *, in_legend: bool = True) -> go.Scatter:
    """The line y = x from 0 to 1, named for what it stands for."""
    return go.Scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": NEUTRAL, "width": 1, "dash": "dot"},
        name=name,
        hoverinfo="skip",
        showlegend=in_legend,
    )
