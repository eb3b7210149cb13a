"""Optuna's plot of parallel coordinates, in colours that show on light and on dark pages."""

import optuna
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

_SCALE = [[0, "#9aa3af"], [1, "#d55e00"]]  # from the worst trial to the best
_TICKS = "#888888"


def parallel_coordinates(study: optuna.Study, metric: str, mode: str) -> go.Figure:
    """Return a figure with one line per trial across the metric and all parameters."""
    figure = optuna.visualization.plot_parallel_coordinate(study, target_name=metric)
    for line in figure.select_traces({"mode": "lines"}):
        height = float(line.y[0])  # on the axis of the metric, from 0 to 1
        quality = height if mode == "max" else 1 - height
        line.update(line_color=sample_colorscale(_SCALE, quality)[0])
    colours = {"colorscale": _SCALE, "reversescale": mode == "min"}
    figure.update_traces({"marker": colours}, {"mode": "markers"})
    figure.update_annotations(font_color=_TICKS)
    return figure
