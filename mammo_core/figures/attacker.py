"""Draws the most that a membership attacker can learn: ROC curves that no attack rises above."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from mammo_core.figures.style import (
    TEST_SET_COLOURS,
    diagonal,
    faded,
    put_legend_above,
    put_legend_below,
)

LOWEST_RATE = 1e-4  # where logarithmic axes begin
_DASHES = ("solid", "dash", "dashdot", "longdash", "dot")
_BOUND = TEST_SET_COLOURS[0]


def attacker_figure(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """Draws one bound per privacy budget, with the diagonal of guessing.

    Args:
        curves: By name, false and true positive rates, each (G,), see `risk.attacker_curve`.
    """
    figure = go.Figure()
    figure.add_trace(diagonal("guessing"))
    for index, (name, (fpr, tpr)) in enumerate(curves.items()):
        told = "wrongly flags %{x:.1%}<br>identifies at most %{y:.1%}<extra></extra>"
        colour = TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)]
        figure.add_trace(_curve(name, fpr, tpr, told, colour, _DASHES[index % len(_DASHES)]))
    percent = {"range": [-0.01, 1.01], "tickformat": ".0%"}
    figure.update_xaxes(title="did not take part, wrongly flagged", **percent)
    figure.update_yaxes(title="took part, identified at most", **percent)
    put_legend_above(figure, height=470, top=20)
    return figure


def attacker_region_figure(
    bound: tuple[np.ndarray, np.ndarray],
    attacks: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    logarithmic: bool = False,
) -> go.Figure:
    """Draws the possible attacks as a shaded region, and measured attacks as lines inside it.

    Args:
        bound: False and true positive rates, each (G,), see `risk.attacker_curve`.
        attacks: Curves by name, each (G,), (G,); may be empty.
        logarithmic: Both axes from 0.0001, to see attacks at low false positive rates.
    """
    lowest = LOWEST_RATE if logarithmic else 0.0
    figure = go.Figure()
    start = 1 if logarithmic else 0  # (0, 0) has no place on logarithmic axes
    fpr, tpr = (np.maximum(rates[start:], lowest) for rates in bound)
    figure.add_trace(
        go.Scatter(
            x=[*fpr, 1.0, fpr[0]],
            y=[*tpr, lowest, lowest],
            fill="toself",
            fillcolor=faded(_BOUND, 0.12),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            name="possible",
            showlegend=False,
        )
    )
    told = "wrongly flags %{x:.2%}<br>identifies at most %{y:.2%}<extra></extra>"
    figure.add_trace(_curve("no attack rises above", fpr, tpr, told, _BOUND))
    figure.add_trace(diagonal("guessing", start=lowest))
    for index, (name, (fpr, tpr)) in enumerate(attacks.items()):
        is_shown = (fpr >= lowest) & (tpr >= lowest)
        told = "wrongly flags %{x:.2%}<br>identified %{y:.2%}<extra></extra>"
        colour = TEST_SET_COLOURS[1 + index % (len(TEST_SET_COLOURS) - 1)]
        dash = _DASHES[(1 + index) % len(_DASHES)]
        figure.add_trace(_curve(name, fpr[is_shown], tpr[is_shown], told, colour, dash))
    percent = {
        "type": "log" if logarithmic else "linear",
        "range": [np.log10(lowest), 0.02] if logarithmic else [-0.01, 1.01],
        "constrain": "domain",
    }
    if logarithmic:
        percent |= {
            "tickvals": [1e-4, 1e-3, 1e-2, 0.1, 1],
            "ticktext": ["0.01%", "0.1%", "1%", "10%", "100%"],
        }
    else:
        percent |= {"tickformat": ".0%"}
    figure.update_xaxes(title="did not take part, wrongly flagged", **percent)
    figure.update_yaxes(title="took part, identified", scaleanchor="x", **percent)
    put_legend_below(figure, plot_height=400)
    return figure


def _curve(
    name: str, fpr: np.ndarray, tpr: np.ndarray, told: str, colour: str, dash: str = "solid"
) -> go.Scatter:
    return go.Scatter(
        x=fpr,
        y=tpr,
        mode="lines",
        line={"color": colour, "width": 2.5, "dash": dash},
        name=name,
        hovertemplate=told,
    )
