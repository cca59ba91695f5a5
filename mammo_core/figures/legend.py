"""Legends of many entries: under the axes, one below the other, so that they never squeeze the plot."""

import plotly.graph_objects as go

_LINE_PX, _GAP_PX = 21, 75


def put_legend_below(figure: go.Figure, *, plot_height: int) -> None:
    """Lists the legend under the axes and makes the figure as much taller.

    Args:
        plot_height: Of the figure without its legend, in pixels.
    """
    entries = sum(trace.showlegend is not False for trace in figure.data)
    figure.update_layout(
        height=plot_height + _LINE_PX * entries,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={
            "orientation": "v",
            "yref": "paper",
            "yanchor": "top",
            "y": -_GAP_PX / (plot_height - _GAP_PX),
            "x": 0,
        },
    )
