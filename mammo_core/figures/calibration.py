"""Draws the reliability diagram: share of malignant masses against their score."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from mammo_core.figures.plotly_text import plotly_text
from mammo_core.figures.style import TEST_SET_COLOURS, diagonal, put_legend_above


def calibration_figure(bins: Mapping[str, pd.DataFrame]) -> go.Figure:
    """Draws one line per test set, with Wilson intervals, and the diagonal of perfect calibration.

    Args:
        bins: By test set, as `evaluation.calibration.reliability` makes them.
    """
    figure = go.Figure()
    figure.add_trace(diagonal("perfect"))
    for index, (name, members) in enumerate(bins.items()):
        figure.add_trace(
            go.Scatter(
                x=members["mean_score"],
                y=members["share"],
                error_y={
                    "type": "data",
                    "array": members["high"] - members["share"],
                    "arrayminus": members["share"] - members["low"],
                    "thickness": 1,
                },
                mode="lines+markers",
                line={"color": TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)], "width": 2},
                name=plotly_text(name),
                customdata=members["count"],
                hovertemplate="score %{x:.2f}: %{y:.0%} malignant of %{customdata}<extra></extra>",
            )
        )
    figure.update_xaxes(title="mean score of the masses", range=[-0.02, 1.02])
    figure.update_yaxes(title="share malignant", range=[-0.02, 1.02])
    put_legend_above(figure, height=420, top=20)
    return figure
