"""ε over a quantity, such as steps, noise, releases or masses of a patient: one line per accountant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go

from mammo_core.figures.style import TEST_SET_COLOURS, log_axis, put_legend_above, ring

_DASHES = ("solid", "dash", "dashdot", "dot", "longdash")


def budget_curves_figure(
    curves: Mapping[str, tuple[Iterable[float], Iterable[float]]],
    *,
    x_title: str,
    y_title: str = "ε",
    marks: Sequence[tuple[float, float, str]] = (),
    log_x: bool = False,
    log_y: bool = False,
    dots: bool = False,
) -> go.Figure:
    """Draws lines of ε over a quantity.

    Args:
        curves: By name, the quantity and ε, each (G,).
        marks: Points to ring, as (x, y, text in the hover).
        log_x, log_y: Logarithmic axes, for values above 0.
        dots: Whether the quantity is counted in whole numbers, so that each is drawn as a dot.
    """
    figure = go.Figure()
    for index, (name, (x, epsilon)) in enumerate(curves.items()):
        figure.add_trace(
            go.Scatter(
                x=list(x),
                y=list(epsilon),
                mode="lines+markers" if dots else "lines",
                line={
                    "color": TEST_SET_COLOURS[index % len(TEST_SET_COLOURS)],
                    "width": 2.5,
                    "dash": "solid" if dots else _DASHES[index % len(_DASHES)],
                },
                marker={"size": 6},
                name=name,
                hovertemplate=f"{name}<br>%{{x:.4g}}: ε = %{{y:.4g}}<extra></extra>",
            )
        )
    for x, y, text in marks:
        figure.add_trace(ring(x, y, size=15, name=text, hover=text))
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title)
    if log_x:
        figure.update_xaxes(**log_axis(value for x, _ in curves.values() for value in x))
    if log_y:
        figure.update_yaxes(**log_axis(value for _, y in curves.values() for value in y))
    else:
        figure.update_yaxes(rangemode="tozero")
    put_legend_above(figure, height=400, top=20)
    return figure
