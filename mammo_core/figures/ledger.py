"""Draws what was released from a cohort over time, and its privacy cost in total."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from mammo_core.figures.plotly_text import plotly_text
from mammo_core.figures.style import (
    CLASS_COLOURS,
    NEUTRAL,
    TEST_SET_COLOURS,
    log_axis,
    put_legend_above,
)

_LINE, _DOTS, _BUDGET, _NONE = (
    TEST_SET_COLOURS[0],
    NEUTRAL,
    TEST_SET_COLOURS[1],
    CLASS_COLOURS["malignant"],
)


def ledger_figure(
    when: Sequence[object],
    names: Sequence[str],
    alone: Sequence[float],
    together: Sequence[float],
    *,
    budget: float | None = None,
) -> go.Figure:
    """Draws ε of each release as a dot, and of all up to it as a step line, on a logarithmic axis.

    Args:
        when: Times, or numbers of releases, in order; one or more.
        names: Of the releases, to show on touch.
        alone: ε of each release; infinity (no privacy) is drawn as a cross at the top edge.
        together: ε of all with DP up to each.
        budget: Drawn as a line.
    """
    finite = [not math.isinf(epsilon) for epsilon in alone]
    figure = go.Figure(
        [
            _dots(when, names, alone, finite),
            go.Scatter(
                x=[moment for moment, total in zip(when, together, strict=True) if total],
                y=[total for total in together if total],
                mode="lines+markers",
                name="all so far, together",
                marker={"size": 4},
                line={"color": _LINE, "width": 2.5, "shape": "hv"},
                hovertemplate="%{x}<br>together: ε = %{y:.3g}<extra></extra>",
            ),
        ]
    )
    shown = [
        epsilon
        for epsilon in (*alone, *together, budget or 0.0)
        if epsilon and not math.isinf(epsilon)
    ] or [1.0]
    top = max(shown) * 2
    if not all(finite):
        figure.add_trace(_crosses(when, names, finite, top))
    if budget is not None:
        figure.add_trace(
            go.Scatter(
                x=[when[0], when[-1]],
                y=[budget, budget],
                mode="lines",
                name=f"budget ε = {budget:g}",
                line={"color": _BUDGET, "width": 2, "dash": "dash"},
                hoverinfo="skip",
            )
        )
    edges = min(shown) / 2, top * 1.5
    figure.update_yaxes(
        title="ε, for a whole patient",
        range=[math.log10(edge) for edge in edges],
        **log_axis(edges),
    )
    put_legend_above(figure, height=380, top=40)
    return figure


def _dots(
    when: Sequence[object], names: Sequence[str], alone: Sequence[float], finite: Sequence[bool]
) -> go.Scatter:
    kept = [index for index, is_finite in enumerate(finite) if is_finite]
    return go.Scatter(
        x=[when[index] for index in kept],
        y=[alone[index] for index in kept],
        text=[plotly_text(names[index]) for index in kept],
        mode="markers",
        name="each release alone",
        marker={"color": _DOTS, "size": 8},
        hovertemplate="%{x}<br>%{text}<br>alone: ε = %{y:.3g}<extra></extra>",
    )


def _crosses(
    when: Sequence[object], names: Sequence[str], finite: Sequence[bool], top: float
) -> go.Scatter:
    kept = [index for index, is_finite in enumerate(finite) if not is_finite]
    return go.Scatter(
        x=[when[index] for index in kept],
        y=[top] * len(kept),
        text=[plotly_text(names[index]) for index in kept],
        mode="markers",
        name="no privacy (not DP): in no total",
        marker={"color": _NONE, "size": 10, "symbol": "x"},
        hovertemplate="%{x}<br>%{text}<br>no privacy (not DP)<extra></extra>",
    )
