"""Draws how a classifier scores benign and malignant masses, with its threshold."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.style import (
    CLASS_COLOURS,
    NEUTRAL,
    faded,
    put_legend_above,
    room_for_a_line,
)
from mammo_core.labels import MALIGNANT

_NUM_BINS = 20


def score_figure(labels: np.ndarray, scores: np.ndarray, threshold: float) -> go.Figure:
    """Draws two histograms over one another: the share of each class in every bin of the score.

    Args:
        labels: (N,) 0 or 1.
        scores: (N,) P(malignant), in [0, 1].
        threshold: A score at or above it is called malignant; drawn as a line.
    """
    edges = np.linspace(0, 1, _NUM_BINS + 1)
    figure = go.Figure()
    for name, colour in CLASS_COLOURS.items():
        own = scores[(labels == MALIGNANT) == (name == "malignant")]
        counts, _ = np.histogram(own, edges)  # (20,)
        figure.add_trace(
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=100 * counts / max(1, len(own)),
                width=1 / _NUM_BINS,
                name=f"{name} ({len(own)})",
                marker={
                    "color": faded(colour, 0.6),
                    "line": {"color": colour, "width": 1},
                    "pattern": {
                        "shape": "/" if name == "malignant" else "",
                        "fgcolor": colour,
                        "bgcolor": faded(colour, 0.25),
                        "size": 6,
                    },
                },
                customdata=counts,
                hovertemplate=f"%{{customdata}} {name}, %{{y:.1f}} % of them<extra></extra>",
            )
        )
    figure.add_vline(x=min(threshold, 1.0), line={"color": NEUTRAL, "width": 3, "dash": "dash"})
    right = threshold < 0.5  # where there is more room for the words
    figure.add_annotation(
        x=min(threshold, 1.0),
        y=0.99,
        yref="paper",
        yanchor="top",
        xanchor="left" if right else "right",
        text=" called malignant → ",
        showarrow=False,
    )
    figure.update_xaxes(title="score the model gives", range=[0, 1])
    figure.update_yaxes(title="% of the class")
    room_for_a_line(figure)
    figure.update_layout(barmode="overlay", bargap=0)
    put_legend_above(figure, height=400)
    return figure
