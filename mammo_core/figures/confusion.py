"""Draws the confusion matrix of a classifier at its threshold: four coloured counts."""

from __future__ import annotations

import plotly.graph_objects as go

from mammo_core.figures.style import TEST_SET_COLOURS, faded

_RIGHT, _WRONG = TEST_SET_COLOURS[0], TEST_SET_COLOURS[1]


def confusion_figure(
    *, true_positives: int, false_negatives: int, false_positives: int, true_negatives: int
) -> go.Figure:
    """Draws the truth downwards and the decision across; colour grows with a cell's share of its row.

    Malignant is the positive class, as in `operating_point.Confusion`.
    """
    figure = go.Figure()
    malignant, benign = true_positives + false_negatives, false_positives + true_negatives
    cells = (
        (1, 1, true_positives, malignant, _RIGHT, "true positives"),
        (0, 1, false_negatives, malignant, _WRONG, "false negatives"),
        (1, 0, false_positives, benign, _WRONG, "false positives"),
        (0, 0, true_negatives, benign, _RIGHT, "true negatives"),
    )
    for x, y, count, row, colour, word in cells:
        share = count / row if row else 0.0
        figure.add_shape(
            type="rect",
            x0=x + 0.02,
            x1=x + 0.98,
            y0=y + 0.02,
            y1=y + 0.98,
            line={"color": colour, "width": 1.5},
            fillcolor=faded(colour, 0.05 + 0.4 * share),
            layer="below",
        )
        figure.add_annotation(
            x=x + 0.5,
            y=y + 0.5,
            text=f"<b>{count}</b><br>{word}<br>{share:.0%}",
            showarrow=False,
        )
    axis = {"tickvals": [0.5, 1.5], "range": [0, 2], "showgrid": False, "zeroline": False}
    figure.update_xaxes(ticktext=["benign", "malignant"], title="called", **axis)
    figure.update_yaxes(ticktext=["benign", "malignant"], title="truly", tickangle=-90, **axis)
    names = ("benign", "malignant")
    table = [{"truly": names[y], "called": names[x], "masses": count} for x, y, count, *_ in cells]
    figure.update_layout(meta={"table": table})  # it has no traces
    figure.update_layout(height=400, margin={"l": 10, "r": 10, "t": 10, "b": 10}, hovermode=False)
    return figure
