"""Draws the curve of a running training: loss on the left axis, validation AUROC on the right one."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from mammo_core.figures.style import STRATEGY_COLOURS, put_legend_above

Points = Sequence[tuple[int, float]]


def training_figure(loss: Points, validation_auroc: Points) -> go.Figure:
    """Draws loss and validation AUROC over steps.

    Args:
        loss: (step, value) in order.
        validation_auroc: The same; empty if there are no validation masses.
    """
    figure = go.Figure()
    curves = (
        ("loss on the training masses", loss, "y", STRATEGY_COLOURS["synthetic"]),
        ("AUROC on validation masses", validation_auroc, "y2", STRATEGY_COLOURS["real"]),
    )
    for name, points, axis, colour in curves:
        if points:
            steps, values = zip(*points, strict=True)
            figure.add_trace(
                go.Scatter(
                    x=steps,
                    y=values,
                    yaxis=axis,
                    mode="lines",
                    line={"color": colour, "width": 2.5},
                    name=name,
                    hovertemplate="step %{x}: %{y:.3f}<extra></extra>",
                )
            )
    put_legend_above(figure, height=260)
    figure.update_layout(
        xaxis={"title": "training step"},
        yaxis={"title": "loss", "rangemode": "tozero"},
        yaxis2={
            "title": "AUROC",
            "overlaying": "y",
            "side": "right",
            "range": [0.4, 1.0],
            "showgrid": False,
        },
    )
    return figure
