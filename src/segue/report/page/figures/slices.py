"""Optuna's plot of slices, with ticks and labels that can be read in a narrow panel."""

import math
from collections.abc import Sequence

import optuna
import plotly.graph_objects as go
from optuna.distributions import CategoricalDistribution

from segue.report.page.figures.optuna_view import plotted
from segue.report.page.headline import short

_LATER = [[0, "#b8c0c8"], [1, "#0072b2"]]
_TICKS = 4  # at most, on a logarithmic axis


def slices(study: optuna.Study, metric: str) -> go.Figure:
    """Return a figure with one panel per parameter: the metric of each trial over its value."""
    figure = optuna.visualization.plot_slice(study, target_name=metric)
    figure.update_traces({"marker": {"colorscale": _LATER}}, {"type": "scatter"})
    trials = plotted(study)
    kinds = {name: kind for trial in trials for name, kind in trial.distributions.items()}
    for axis in figure.select_xaxes():
        name = axis.title.text
        kind = kinds.get(name)
        if axis.type == "log":
            ticks = log_ticks([trial.params[name] for trial in trials if name in trial.params])
            axis.update(tickmode="array", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
        elif isinstance(kind, CategoricalDistribution):
            # Optuna's labels are texts in quotes.
            labels = [repr(choice) for choice in kind.choices]
            shown = [short(choice) for choice in kind.choices]
            axis.update(tickmode="array", tickvals=labels, ticktext=shown, automargin=True)
    return figure


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return values for the ticks of a logarithmic axis: powers of ten, or the ends of the values.

    Ends are used where fewer than two powers of ten lie among the values.

    >>> log_ticks([0.0002, 0.04]), log_ticks([2.0, 5.0])
    ([0.001, 0.01], [2.0, 5.0])
    """
    low = min(values)
    high = max(values)
    decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    if len(decades) < 2:
        return sorted({float(f"{low:.2g}"), float(f"{high:.2g}")})
    every = math.ceil(len(decades) / _TICKS)
    return [float(f"1e{decade}") for decade in decades[::every]]
