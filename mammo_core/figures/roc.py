"""Draws ROC curves: of one classifier on several test sets, or the mean of several seeds with their range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from mammo_core.figures.plotly_text import plotly_text
from mammo_core.figures.style import TEST_SET_COLOURS, band, diagonal, put_legend_above, ring


def roc_figure(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    operating_points: Mapping[str, tuple[float, float]] | None = None,
) -> go.Figure:
    """Draws one curve per test set, with the line of chance.

    Args:
        curves: By test set, false and true positive rates, each (G,), from (0, 0) to (1, 1).
        operating_points: By test set, the (fpr, tpr) at a chosen threshold, drawn as a ring.
    """
    figure = _empty_roc()
    for index, (name, (fpr, tpr)) in enumerate(curves.items()):
        colour = TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)]
        figure.add_trace(_curve(fpr, tpr, name, colour))
        if operating_points and name in operating_points:
            x, y = operating_points[name]
            hover = f"at the threshold: sensitivity %{{y:.2f}}, specificity {1 - x:.2f}"
            figure.add_trace(
                ring(
                    x,
                    y,
                    size=13,
                    colour=colour,
                    name=f"{plotly_text(name)}, threshold",
                    hover=hover,
                )
            )
    return figure


def roc_band_figure(
    fpr: ArrayLike,
    tpr: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    name: str,
    colour: str,
) -> go.Figure:
    """Draws the mean curve of several runs with the lowest and highest at each false positive rate.

    Args:
        fpr: (G,), rising from 0 to 1.
        tpr: (G,), the mean.
        low: (G,), the lowest.
        high: (G,), the highest.
    """
    fpr, tpr, low, high = (np.asarray(rates) for rates in (fpr, tpr, low, high))
    figure = _empty_roc()
    figure.add_trace(
        band(
            fpr,
            low,
            high,
            of=plotly_text(name),
            colour=colour,
            opacity=0.18,
            name="lowest to highest seed",
        )
    )
    figure.add_trace(_curve(fpr, tpr, name, colour))
    return figure


def _curve(fpr: np.ndarray, tpr: np.ndarray, name: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=fpr,
        y=tpr,
        mode="lines",
        line={"color": colour, "width": 2.5},
        name=plotly_text(name),
        hovertemplate="sensitivity %{y:.2f} at specificity %{customdata:.2f}<extra></extra>",
        customdata=1 - fpr,
    )


def _empty_roc() -> go.Figure:
    figure = go.Figure()
    figure.add_trace(diagonal("chance", in_legend=False))
    figure.update_xaxes(title="1 - specificity", range=[-0.01, 1.01], constrain="domain")
    figure.update_yaxes(
        title="sensitivity", range=[-0.01, 1.01], scaleanchor="x", constrain="domain"
    )
    put_legend_above(figure, height=440)
    return figure
