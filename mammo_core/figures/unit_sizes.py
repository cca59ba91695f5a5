"""Draws how many masses the patients of a cohort have: what a guarantee per image leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from mammo_core.figures.style import TEST_SET_COLOURS, faded


def unit_sizes_figure(counts: Sequence[int]) -> go.Figure:
    """Patients by their number of masses.

    Args:
        counts: Number of patients with 1, 2, 3 … masses.
    """
    colour = TEST_SET_COLOURS[0]
    figure = go.Figure(
        go.Bar(
            x=list(range(1, len(counts) + 1)),
            y=list(counts),
            marker={"color": faded(colour, 0.6), "line": {"color": colour, "width": 1}},
            text=[count or "" for count in counts],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y} patients with %{x} mass(es)<extra></extra>",
        )
    )
    figure.update_xaxes(title="masses of one patient", dtick=1)
    figure.update_yaxes(title="patients")
    figure.update_layout(height=360, margin={"l": 10, "r": 10, "t": 25, "b": 10})
    return figure
