"""Figures of a forest over the trials: predictions, pairs of parameters, the path to the winner."""

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial
from plotly.subplots import make_subplots

from segue.base.text import plural, value_text
from segue.report.analysis.surrogate import Pair, PathStep, Surrogate
from segue.report.page.figures.curves import COLOURS

_LITTLE = 0.1  # explained variance below which the parameters say little
_PARTS = 0.3  # explained variance below which they say something


def predictability_text(surrogate: Surrogate, metric: str) -> str:
    """Return whether the metric of a trial can be predicted from its parameters."""
    explained = surrogate.explained
    ranks = surrogate.rank_correlation
    order = "" if ranks is None else f", and their rank correlation is {ranks:.2f}"
    if explained < _LITTLE:
        verdict = (
            f"The {metric} is not predictable from the parameters: chance, or what they have in"
            " common, decides. Importances, interactions and the path below say little."
        )
    elif explained < _PARTS:
        verdict = f"The {metric} is partly predictable from the parameters."
    else:
        verdict = f"The {metric} is predictable from the parameters."
    return (
        f"{verdict} Predictions by random forests for trials that these have not seen (5-fold"
        f" cross-validation over {plural(len(surrogate.trials), 'complete trial')}) explain"
        f" {100 * max(explained, 0):.0f} % of the variance{order}."
    )


def predictability_figure(surrogate: Surrogate, metric: str) -> go.Figure:
    """Return the prediction for each trial over its metric."""
    values = surrogate.values
    figure = go.Figure()
    ends = [float(values.min()), float(values.max())]
    line = {"dash": "dash", "color": COLOURS[-1], "width": 1}
    figure.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip")
    figure.add_scatter(
        x=values.tolist(),
        y=surrogate.foretold.tolist(),
        mode="markers",
        marker={"color": COLOURS[0], "opacity": 0.7},
        customdata=[trial.number for trial in surrogate.trials],
        hovertemplate="trial %{customdata}: %{x:.4g}, predicted %{y:.4g}<extra></extra>",
    )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title=escape(metric))
    figure.update_yaxes(title="predicted, unseen")
    return figure


def interactions_text(pairs: Sequence[Pair]) -> str:
    """Return the explanation of the surfaces."""
    shares = ", ".join(f"{100 * pair.strength:.0f} % for {pair.x} and {pair.y}" for pair in pairs)
    return (
        "The forest's mean prediction at each value of two parameters, over the other parameters of"
        " the trials, which are the points. The share of a surface that is an interaction, and not"
        f" the sum of two separate influences: {shares}."
    )


def interactions_figure(surrogate: Surrogate, pairs: Sequence[Pair]) -> go.Figure:
    """Return a surface for each pair of parameters, with the trials as points."""
    figure = make_subplots(rows=1, cols=len(pairs), horizontal_spacing=0.16)
    low = min(float(pair.surface.min()) for pair in pairs)
    high = max(float(pair.surface.max()) for pair in pairs)
    for column, pair in enumerate(pairs, start=1):
        values = (_texts(pair.x_values), _texts(pair.y_values))
        figure.add_heatmap(
            x=values[0],
            y=values[1],
            z=pair.surface.tolist(),
            zmin=low,
            zmax=high,
            colorscale="Viridis",
            showscale=column == len(pairs),
            zsmooth=False,
            hovertemplate="%{x}, %{y}: %{z:.4g}<extra></extra>",
            row=1,
            col=column,
        )
        _add_trials(figure, surrogate, pair, column)
        for name, update in ((pair.x, figure.update_xaxes), (pair.y, figure.update_yaxes)):
            kind = _axis_type(surrogate, name)
            update(title=escape(name), type=kind, row=1, col=column)
    return figure


def path_text(
    surrogate: Surrogate,
    steps: Sequence[PathStep],
    first: FrozenTrial,
    last: FrozenTrial,
    metric: str,
) -> str:
    """Return which change brings most, in words."""
    before = float(surrogate.predicted(surrogate.inputs[[_index(surrogate, first)]])[0])
    gains = [(step.predicted - start, step) for start, step in _with_starts(before, steps)]
    largest = max(gains, key=lambda gain: abs(gain[0]))
    return (
        f"From trial {first.number}, the first one ({metric} {first.values[0]:.4g}), to trial"
        f" {last.number}, the best one of the search ({last.values[0]:.4g}): one parameter is"
        " changed at a time, each time the one that brings most by the forest's prediction. The"
        f" largest change is that of {largest[1].name}: {largest[0]:+.4g} of"
        f" {steps[-1].predicted - before:+.4g}."
    )


def path_figure(
    surrogate: Surrogate, steps: Sequence[PathStep], first: FrozenTrial, metric: str
) -> go.Figure:
    """Return the predictions along the path, a bar for each change."""
    before = float(surrogate.predicted(surrogate.inputs[[_index(surrogate, first)]])[0])
    names = [f"trial {first.number}"]
    names += [
        escape(f"{step.name} {value_text(step.before)} to {value_text(step.after)}")
        for step in steps
    ]
    changes = [step.predicted - start for start, step in _with_starts(before, steps)]
    figure = go.Figure(
        go.Waterfall(
            x=[before, *changes],
            y=names,
            orientation="h",
            measure=["absolute", *["relative"] * len(steps)],
            text=[f"{before:.4g}", *(f"{change:+.4g}" for change in changes)],
            textposition="auto",
            cliponaxis=False,
            increasing={"marker": {"color": COLOURS[2]}},
            decreasing={"marker": {"color": COLOURS[4]}},
            totals={"marker": {"color": COLOURS[0]}},
            hoverinfo="text",
        )
    )
    figure.update_xaxes(title=f"predicted {escape(metric)}")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def _with_starts(before: float, steps: Sequence[PathStep]) -> list[tuple[float, PathStep]]:
    starts = [before, *(step.predicted for step in steps[:-1])]
    return list(zip(starts, steps, strict=True))


def _index(surrogate: Surrogate, trial: FrozenTrial) -> int:
    return [each.number for each in surrogate.trials].index(trial.number)


def _add_trials(figure: go.Figure, surrogate: Surrogate, pair: Pair, column: int) -> None:
    both = [trial for trial in surrogate.trials if {pair.x, pair.y} <= trial.params.keys()]
    figure.add_scatter(
        x=_texts([trial.params[pair.x] for trial in both]),
        y=_texts([trial.params[pair.y] for trial in both]),
        mode="markers",
        marker={"color": "white", "size": 5, "line": {"color": "black", "width": 1}},
        customdata=[[trial.number, trial.values[0]] for trial in both],
        hovertemplate="trial %{customdata[0]}: %{customdata[1]:.4g}<extra></extra>",
        showlegend=False,
        row=1,
        col=column,
    )


def _texts(values: Sequence[Any]) -> list[Any]:
    return [escape(value) if isinstance(value, str) else _plain(value) for value in values]


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _axis_type(surrogate: Surrogate, name: str) -> str:
    distribution = surrogate.distributions[name]
    if isinstance(distribution, CategoricalDistribution):
        return "category"
    return "log" if getattr(distribution, "log", False) else "linear"
