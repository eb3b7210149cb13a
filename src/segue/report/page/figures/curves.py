"""Learning curves over environment steps, with marks at stage ends and bands over seeds."""

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from segue.record.row import ENV_STEPS, METRIC_PER_SEED, STAGE_DONE, Row
from segue.record.study.trials import TrialSummary
from segue.report.data.evidence import Evidence

TOP_TRIALS = 5  # trials that are drawn in colour, and listed by number
# Okabe and Ito: distinguishable with most kinds of colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
FAINT = "rgba(128, 128, 128, 0.5)"
_BANDS = 3  # trials with a band over their seeds
_OPACITY = 0.15
_Number = float | None


def learning_curves(evidence: Evidence) -> go.Figure:
    """Return a figure of the curves: the best trials in colour, all others in grey.

    Coloured trials have a mark where a stage ended, unless all pipelines have one stage; the best
    of them also have a band that reaches from their worst seed to their best.
    """
    figure = go.Figure()
    best = evidence.ranked[:TOP_TRIALS]
    metric = evidence.summary.metric
    coloured = {trial.number for trial in best}
    rest = [curve for number, curve in evidence.curves.items() if number not in coloured]
    figure.add_trace(_faint(rest, metric))
    for trial, colour in [*zip(best, COLOURS, strict=False)][::-1]:  # the best on top
        rows = evidence.curves[trial.number]
        figure.add_trace(_bold(trial, rows, metric, colour))
        if evidence.has_stages:
            figure.add_trace(_ends(trial, rows, metric, colour))
    for trial, colour in zip(best[:_BANDS], COLOURS, strict=False):
        figure.add_traces(_band(evidence.curves[trial.number], colour, f"trial {trial.number}"))
    figure.update_layout(legend={"traceorder": "reversed"})
    if best and evidence.has_stages:
        _mark_stages(figure, best[0])
    figure.update_xaxes(title="environment steps per seed", rangemode="tozero", exponentformat="SI")
    figure.update_yaxes(title=metric)
    return figure


def with_gaps(curves: Iterable[Sequence[Row]], metric: str) -> tuple[list[_Number], list[_Number]]:
    """Return the steps and values of several curves as one line, with gaps between them."""
    steps: list[_Number] = []
    values: list[_Number] = []
    for rows in curves:
        steps += [row[ENV_STEPS] for row in rows] + [None]
        values += [row[metric] for row in rows] + [None]
    return steps, values


def _faint(curves: Iterable[Sequence[Row]], metric: str) -> go.Scatter:
    """Return one trace for all of them: a thousand traces would be slow to draw."""
    steps, values = with_gaps(curves, metric)
    return go.Scatter(
        x=steps,
        y=values,
        mode="lines",
        line={"color": FAINT, "width": 1},
        name="other trials",
        hoverinfo="skip",
    )


def _bold(trial: TrialSummary, rows: Sequence[Row], metric: str, colour: str) -> go.Scatter:
    group = f"trial {trial.number}"
    return go.Scatter(
        x=[row[ENV_STEPS] for row in rows],
        y=[row[metric] for row in rows],
        mode="lines",
        line={"color": colour},
        name=group,
        legendgroup=group,
    )


def _ends(trial: TrialSummary, rows: Sequence[Row], metric: str, colour: str) -> go.Scatter:
    """Return marks where the stages of a trial ended."""
    ends = [row for row in rows if row.get(STAGE_DONE) is True]
    return go.Scatter(
        x=[row[ENV_STEPS] for row in ends],
        y=[row[metric] for row in ends],
        mode="markers",
        marker={"color": colour, "symbol": "diamond", "size": 8},
        legendgroup=f"trial {trial.number}",
        showlegend=False,
        hovertemplate="stage ends at %{x:,} steps<extra></extra>",
    )


def _band(rows: Sequence[Row], colour: str, group: str) -> list[Any]:
    """Return a filled outline from the worst to the best seed at each report."""
    known = [(row[ENV_STEPS], seeds) for row in rows if (seeds := _seeds(row))]
    if not known:
        return []
    low = [min(seeds) for _, seeds in known]
    high = [max(seeds) for _, seeds in known]
    return [band([step for step, _ in known], low, high, colour, group)]


def band(
    steps: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str, group: str
) -> go.Scatter:
    """Return a filled outline from `low` to `high` over `steps`, shown with a group of traces.

    Args:
        steps: The positions on the horizontal axis, in order.
        low: The lower end at each of them.
        high: The upper end at each of them.
        colour: The colour of the outline's inside, as "#rrggbb".
        group: The name of the group in the legend that hides and shows the band.
    """
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return go.Scatter(
        x=[*steps, *steps[::-1]],
        y=[*high, *low[::-1]],
        mode="lines",  # of a short outline, Plotly draws markers by default
        fill="toself",
        fillcolor=f"rgba({red}, {green}, {blue}, {_OPACITY})",
        line={"width": 0},
        hoverinfo="skip",
        legendgroup=group,
        showlegend=False,
    )


def _seeds(row: Row) -> list[float]:
    seeds = row.get(METRIC_PER_SEED)
    if not isinstance(seeds, list):
        return []
    numbers = [seed for seed in seeds if isinstance(seed, int | float)]
    return numbers if len(numbers) > 1 else []


def _mark_stages(figure: go.Figure, best: TrialSummary) -> None:
    """Draw dashed lines where the best trial's stages ended, and label the stages between them."""
    ends = best.stages_ended_at
    for end in ends[:-1] if len(ends) == best.stages else ends:
        figure.add_vline(x=end, line={"dash": "dash", "width": 1, "color": "#888"})
    for stage, (begin, end) in enumerate(zip([0, *ends], ends, strict=False), start=1):
        figure.add_annotation(
            x=(begin + end) / 2,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            text=f"stage {stage}",
            showarrow=False,
        )
