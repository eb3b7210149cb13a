"""Optuna's plot of parallel coordinates, in colours that show on light and on dark pages."""

import optuna
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from segue.report.page.figures.optuna_view import plotted

_SCALE = [[0, "#9aa3af"], [1, "#d55e00"]]  # from the worst trial to the best


def parallel_coordinates(study: optuna.Study, metric: str, mode: str) -> go.Figure:
    """Return a figure with one line per trial across the metric and all parameters."""
    figure = optuna.visualization.plot_parallel_coordinate(study, target_name=metric)
    lines = list(figure.select_traces({"mode": "lines"}))
    for line, trial in zip(lines, plotted(study), strict=True):
        height = float(line.y[0])  # on the axis of the metric, from 0 to 1
        quality = height if mode == "max" else 1 - height
        line.update(
            line={"color": sample_colorscale(_SCALE, quality)[0], "width": 1.6},
            opacity=0.8,
            hovertemplate=f"trial {trial.number}<br>{line.hovertemplate}",
        )
    best_last = sorted(lines, key=lambda line: line.y[0], reverse=mode == "min")
    figure.data = (*best_last, *figure.data[len(lines) :])  # drawn on top
    colours = {"colorscale": _SCALE, "reversescale": mode == "min"}
    figure.update_traces({"marker": colours}, {"mode": "markers"})
    return figure
