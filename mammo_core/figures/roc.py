"""The ROC curve of one classifier on several test sets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.palette import NEUTRAL, TEST_SET_COLOURS


def roc_figure(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """One step curve per test set, with the line of chance.

    Args:
        curves: By test set, false and true positive rates, each (G,), from (0, 0) to (1, 1).
    """
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line={"color": NEUTRAL, "width": 1, "dash": "dot"},
            name="chance",
            hoverinfo="skip",
        )
    )
    for index, (name, (fpr, tpr)) in enumerate(curves.items()):
        colour = TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)]
        figure.add_trace(
            go.Scatter(
                x=fpr,
                y=tpr,
                mode="lines",
                line={"color": colour, "width": 2.5},
                name=name,
                hovertemplate="sensitivity %{y:.2f} at specificity %{customdata:.2f}<extra></extra>",
                customdata=1 - fpr,
            )
        )
    figure.update_xaxes(title="1 - specificity", range=[-0.01, 1.01], constrain="domain")
    figure.update_yaxes(
        title="sensitivity", range=[-0.01, 1.01], scaleanchor="x", constrain="domain"
    )
    figure.update_layout(
        height=440,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
    )
    return figure
