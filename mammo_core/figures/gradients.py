"""Draws what clipping and noise do to one step of a training: gradient norms, signal and noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.style import (
    NEUTRAL,
    TEST_SET_COLOURS,
    faded,
    log_axis,
    put_legend_above,
    room_for_a_line,
)

_NUM_BINS = 40
_KEPT, _CLIPPED = TEST_SET_COLOURS[0], TEST_SET_COLOURS[1]


def norms_figure(norms: np.ndarray, max_grad_norm: float, *, unit: str, units: str) -> go.Figure:
    """Draws a logarithmic histogram of gradient norms; those above C are coloured and hatched.

    Args:
        norms: (U,), >= 0, one per unit of privacy.
        max_grad_norm: C, drawn as a line and always within the axis.
        unit, units: What one norm belongs to, and several, as "patient" and "patients".
    """
    floor = min(max(norms.max() * 1e-4, 1e-9), max_grad_norm / 10)
    low = min(max(norms.min(), floor), max_grad_norm) / 1.2
    high = max(norms.max(), max_grad_norm) * 1.2
    edges = np.geomspace(low, high, _NUM_BINS + 1)
    edges = np.sort(np.append(edges, max_grad_norm))  # no bar on both sides of C
    counts, _ = np.histogram(np.maximum(norms, floor), edges)
    is_clipped = edges[:-1] >= max_grad_norm
    figure = go.Figure()
    for name, part, colour in (
        ("kept whole", ~is_clipped, _KEPT),
        ("clipped to C", is_clipped, _CLIPPED),
    ):
        figure.add_trace(
            go.Bar(
                x=np.sqrt(edges[:-1] * edges[1:])[part],
                y=counts[part],
                width=np.diff(edges)[part],
                name=f"{name} ({counts[part].sum()})",
                marker={
                    "color": faded(colour, 0.6),
                    "line": {"color": colour, "width": 1},
                    "pattern": {
                        "shape": "/" if name != "kept whole" else "",
                        "fgcolor": colour,
                        "bgcolor": faded(colour, 0.25),
                        "size": 6,
                    },
                },
                hovertemplate=f"%{{y}} {units} with norm about %{{x:.3g}}<extra></extra>",
            )
        )
    figure.add_vline(x=max_grad_norm, line={"color": NEUTRAL, "width": 3, "dash": "dash"})
    figure.add_annotation(
        x=np.log10(max_grad_norm),
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="left",
        text=f" C = {max_grad_norm:.3g}",
        showarrow=False,
    )
    figure.update_xaxes(
        **log_axis([low, high]),
        title=f"length of one {unit}'s gradient (log scale)",
        range=np.log10([low, high]),
    )
    figure.update_yaxes(title=units)
    room_for_a_line(figure)
    figure.update_layout(barmode="overlay", bargap=0)
    put_legend_above(figure, height=380, top=20)
    return figure


def signal_noise_figure(
    clips: Sequence[float], ratios: Sequence[float], agreements: Sequence[float], chosen: float
) -> go.Figure:
    """Draws signal over noise, and how far clipping turns the sum, over the clipping norm C.

    Args:
        clips: (G,) clipping norms.
        ratios: (G,) length of the clipped sum over the noise along it.
        agreements: (G,) cosine between the clipped and the unclipped sum; 1 is the same direction.
        chosen: The C looked at.
    """
    figure = go.Figure(
        [
            go.Scatter(
                x=list(clips),
                y=list(ratios),
                mode="lines",
                line={"color": _KEPT, "width": 2.5},
                name="signal over noise",
                hovertemplate="C = %{x:.3g}: %{y:.2f}<extra></extra>",
            ),
            go.Scatter(
                x=list(clips),
                y=list(agreements),
                yaxis="y2",
                mode="lines",
                line={"color": _CLIPPED, "width": 2.5, "dash": "dash"},
                name="same direction as unclipped (right axis)",
                hovertemplate="C = %{x:.3g}: cosine %{y:.3f}<extra></extra>",
            ),
        ]
    )
    figure.add_vline(x=chosen, line={"color": NEUTRAL, "width": 3, "dash": "dash"})
    figure.update_xaxes(**log_axis(clips), title="clipping norm C (log scale)")
    figure.update_yaxes(title="signal over noise", rangemode="tozero", showgrid=False)
    put_legend_above(figure, height=380, top=20)
    figure.update_layout(
        yaxis2={
            "title": "cosine",
            "overlaying": "y",
            "side": "right",
            "range": [min(0.0, *agreements) - 0.05, 1.05],
            "tickvals": [-1, -0.5, 0, 0.5, 1],
            "tickmode": "array",
            "showgrid": False,
        }
    )
    return figure
