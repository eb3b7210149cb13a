"""Learning curves over environment steps, with the ends of stages and a band over seeds."""

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from segue.report.data.evidence import Evidence, Row
from segue.report.data.facts import TrialFacts

SHOWN = 5
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
)  # Okabe and Ito: told apart by most eyes
FAINT = "rgba(128, 128, 128, 0.35)"
_BANDS, _OPACITY = 3, 0.15
_Number = float | None


def learning_curves(evidence: Evidence) -> go.Figure:
    """The best trials in colour, each with the range of its seeds and a mark where a stage ended;
    the rest in grey.
    """
    figure = go.Figure()
    best, metric = evidence.judged[:SHOWN], evidence.summary.metric
    shown = {trial.number for trial in best}
    rest = [curve for number, curve in evidence.curves.items() if number not in shown]
    figure.add_trace(_faint(rest, metric))
    for trial, colour in [*zip(best, COLOURS, strict=False)][::-1]:  # the best on top
        figure.add_traces(_bold(trial, evidence.curves[trial.number], metric, colour))
    for trial, colour in zip(best[:_BANDS], COLOURS, strict=False):
        figure.add_traces(_band(evidence.curves[trial.number], colour, f"trial {trial.number}"))
    figure.update_layout(legend={"traceorder": "reversed"})
    if best:
        _mark_stages(figure, best[0])
    figure.update_xaxes(title="environment steps of a seed", rangemode="tozero")
    figure.update_yaxes(title=metric)
    return figure


def _faint(curves: Iterable[Sequence[Row]], metric: str) -> go.Scatter:
    """All other trials as one trace, a gap between two: a thousand traces would be slow to draw."""
    steps: list[_Number] = []
    values: list[_Number] = []
    for rows in curves:
        steps += [row["env_steps"] for row in rows] + [None]
        values += [row[metric] for row in rows] + [None]
    return go.Scatter(
        x=steps,
        y=values,
        mode="lines",
        line={"color": FAINT, "width": 1},
        name="other trials",
        hoverinfo="skip",
    )


def _bold(trial: TrialFacts, rows: Sequence[Row], metric: str, colour: str) -> list[Any]:
    group = f"trial {trial.number}"
    steps, values = [row["env_steps"] for row in rows], [row[metric] for row in rows]
    line = go.Scatter(
        x=steps, y=values, mode="lines", line={"color": colour}, name=group, legendgroup=group
    )
    ends = [row for row in rows if row.get("stage_done") is True]
    marks = go.Scatter(
        x=[row["env_steps"] for row in ends],
        y=[row[metric] for row in ends],
        mode="markers",
        marker={"color": colour, "symbol": "diamond", "size": 8},
        legendgroup=group,
        showlegend=False,
        hovertemplate="a stage ends at %{x:,} steps<extra></extra>",
    )
    return [line, marks]


def _band(rows: Sequence[Row], colour: str, group: str) -> list[Any]:
    """From the worst to the best seed at each report."""
    known = [(row["env_steps"], seeds) for row in rows if (seeds := _seeds(row))]
    if not known:
        return []
    steps = [step for step, _ in known]
    outline = [max(seeds) for _, seeds in known] + [min(seeds) for _, seeds in reversed(known)]
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    fill = f"rgba({red}, {green}, {blue}, {_OPACITY})"
    return [
        go.Scatter(
            x=steps + steps[::-1],
            y=outline,
            fill="toself",
            fillcolor=fill,
            line={"width": 0},
            hoverinfo="skip",
            legendgroup=group,
            showlegend=False,
        )
    ]


def _seeds(row: Row) -> list[float]:
    seeds = row.get("metric_per_seed")
    numbers = (
        [seed for seed in seeds if isinstance(seed, int | float)] if isinstance(seeds, list) else []
    )
    return numbers if len(numbers) > 1 else []


def _mark_stages(figure: go.Figure, best: TrialFacts) -> None:
    """Dashed lines where the stages of the best trial ended, and the stages' numbers between them."""
    ends = best.stages_ended_at
    for end in ends[:-1] if len(ends) == best.stages else ends:
        figure.add_vline(x=end, line={"dash": "dash", "width": 1, "color": "#888"})
    for stage, (begin, end) in enumerate(zip([0, *ends], ends, strict=False), start=1):
        middle = (begin + end) / 2
        figure.add_annotation(
            x=middle, y=1.0, yref="paper", yanchor="bottom", text=f"stage {stage}", showarrow=False
        )
