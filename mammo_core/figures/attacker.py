"""The most an attacker can learn about who took part, drawn as ROC curves that no attack rises above."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.diagonal import diagonal
from mammo_core.figures.palette import TEST_SET_COLOURS

_DASHES = ("solid", "dash", "dashdot", "longdash", "dot")


def attacker_figure(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """One bound per privacy budget, with the line of guessing.

    Args:
        curves: By name, false and true positive rates, each (G,), see `risk.attacker_curve`.
    """
    figure = go.Figure()
    figure.add_trace(diagonal("guessing"))
    for index, (name, (fpr, tpr)) in enumerate(curves.items()):
        figure.add_trace(
            go.Scatter(
                x=fpr,
                y=tpr,
                mode="lines",
                line={
                    "color": TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)],
                    "width": 2.5,
                    "dash": _DASHES[index % len(_DASHES)],
                },
                name=name,
                hovertemplate="accuses wrongly %{x:.1%}<br>finds at most %{y:.1%}<extra></extra>",
            )
        )
    percent = {"range": [-0.01, 1.01], "tickformat": ".0%"}
    figure.update_xaxes(title="of those who did not take part, wrongly accused", **percent)
    figure.update_yaxes(title="of those who took part, found at most", **percent)
    figure.update_layout(
        height=470,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
    )
    return figure
