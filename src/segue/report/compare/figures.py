"""The figures of a comparison: best value so far over steps, and final values with intervals."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import plotly.graph_objects as go

from segue.report.compare.comparison import RunComparison
from segue.report.compare.runs import ComparedRun
from segue.report.data.statistics import Estimate, iqm_interval
from segue.report.page.figures.curves import COLOURS, band

_DASHES = ("solid", "dash", "dot", "dashdot")


def best_so_far_figure(comparison: RunComparison) -> go.Figure:
    """Return a figure of the best complete trial over the environment steps that were spent."""
    figure = go.Figure()
    for index, run in enumerate(comparison.runs):
        figure.add_traces([*_curve(run, index)])
    title = "environment steps spent, of all trials and seeds"
    figure.update_xaxes(title=title, rangemode="tozero", exponentformat="SI")
    figure.update_yaxes(title=comparison.metric)
    return figure


def final_values_figure(comparison: RunComparison) -> go.Figure:
    """Return a figure of each winner's values by seed, with their interquartile mean."""
    figure = go.Figure()
    for index, (run, seeds) in enumerate(zip(comparison.runs, comparison.seeds, strict=True)):
        if seeds:
            figure.add_traces([*_values(run.label, seeds, _colour(index))])
    figure.update_xaxes(title=comparison.metric)
    names = [run.label for run in comparison.runs][::-1]  # the first on top
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=names)
    figure.update_yaxes(automargin=True)
    return figure


def _curve(run: ComparedRun, index: int) -> Iterator[go.Scatter]:
    if not run.best_so_far:
        return
    points = run.best_so_far
    steps = [each.steps for each in points] + [max(run.steps, points[-1].steps)]
    last = points[-1]
    lines = [
        [each.value for each in points] + [last.value],
        [each.worst_seed for each in points] + [last.worst_seed],
        [each.best_seed for each in points] + [last.best_seed],
    ]
    if any(each.worst_seed != each.best_seed for each in points):
        yield band(
            _stairs(steps), _steps_of(lines[1]), _steps_of(lines[2]), _colour(index), run.label
        )
    yield go.Scatter(
        x=steps,
        y=lines[0],
        mode="lines+markers",
        line={"color": _colour(index), "shape": "hv", "dash": _dash(index)},
        marker={"size": 5},
        customdata=[each.trial for each in points] + [last.trial],
        hovertemplate="%{y:.4g} after %{x:,} steps, trial %{customdata}<extra>%{fullData.name}"
        "</extra>",
        name=run.label,
        legendgroup=run.label,
    )


def _values(label: str, seeds: Sequence[float], colour: str) -> Iterator[go.Scatter]:
    estimate = iqm_interval(seeds)
    yield go.Scatter(
        x=list(seeds),
        y=[label] * len(seeds),
        mode="markers",
        marker={"color": colour, "opacity": 0.35, "size": 7},
        hovertemplate="one seed: %{x:.4g}<extra></extra>",
        showlegend=False,
    )
    yield go.Scatter(
        x=[estimate.value],
        y=[label],
        mode="markers",
        marker={"color": colour, "symbol": "diamond", "size": 12},
        error_x=_interval(estimate, colour),
        hovertemplate="interquartile mean %{x:.4g}<extra></extra>",
        showlegend=False,
    )


def _interval(estimate: Estimate, colour: str) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [estimate.high - estimate.value],
        "arrayminus": [estimate.value - estimate.low],
        "color": colour,
        "thickness": 2,
    }


def _stairs(steps: Sequence[int]) -> list[float]:
    """Return the corners of a line that is level from one step to the next."""
    return [float(step) for pair in pairwise(steps) for step in pair]


def _steps_of(values: Sequence[float]) -> list[float]:
    return [value for each in values[:-1] for value in (each, each)]


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _dash(index: int) -> str:
    return _DASHES[index // len(COLOURS) % len(_DASHES)]
