"""What happened in a sweep: its workers, population-based training, and requests of people."""

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from segue.base.checks import is_number
from segue.base.text import plural
from segue.record.study.steering import origin
from segue.record.study.trials import TrialSummary
from segue.report.data.summary import Summary
from segue.report.data.timeline import Timeline
from segue.report.page.figures.curves import COLOURS
from segue.report.page.text_table import TextTable

_MANY_TIMES = 30  # of the least value of a parameter, from which its axis is logarithmic
_STATES = {"complete": COLOURS[0], "pruned": COLOURS[4], "failed": COLOURS[1]}


def workers_text(timeline: Timeline) -> str:
    """Return how busy the places for trials were."""
    text = (
        f"Up to {plural(timeline.lanes, 'trial')} at a time, a row each, from start to end. During"
        f" {100 * timeline.idle:.0f} % of the time of these rows, nothing trained there."
    )
    if timeline.longest_gap >= 1:
        text += f" The longest pause of all of them took {timeline.longest_gap:,.0f} s."
    return f"{text} The time in which a trial was interrupted counts as its own."


def workers_figure(timeline: Timeline) -> go.Figure:
    """Return a bar from start to end for each trial, in its row."""
    figure = go.Figure()
    for state, colour in _STATES.items():
        shown = [each for each in timeline.intervals if each.trial.state == state]
        if not shown:
            continue
        figure.add_bar(
            base=[each.start.isoformat() for each in shown],
            x=[1000 * (each.end - each.start).total_seconds() for each in shown],
            y=[each.lane + 1 for each in shown],
            orientation="h",
            width=0.8,
            name=state,
            marker={"color": colour, "line": {"color": "white", "width": 0.5}},
            customdata=[[each.trial.number, f"{each.trial.seconds or 0:,.0f}"] for each in shown],
            hovertemplate="trial %{customdata[0]}, %{customdata[1]} s<extra></extra>",
        )
    # Below the axis are the dates.
    above = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(barmode="overlay", showlegend=True, legend=above)
    figure.update_xaxes(type="date")
    figure.update_yaxes(title="trial at a time", autorange="reversed", dtick=1)
    return figure


def lineage_figure(trials: Sequence[TrialSummary]) -> go.Figure:
    """Return the trials over their steps, with each continuation from another one's checkpoint.

    Below, the schedule of each parameter that was changed.
    """
    trials = _related(trials)
    changed = _changed(trials)
    figure = make_subplots(rows=1 + len(changed), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    ordered = sorted(trials, key=lambda trial: trial.number)
    for trial in ordered:
        line = {"color": COLOURS[0], "width": 1.5}
        figure.add_scatter(
            x=[0, trial.env_steps],
            y=[trial.number] * 2,
            mode="lines",
            line=line,
            hoverinfo="skip",
            row=1,
            col=1,
        )
        for moved in trial.lineage:
            figure.add_scatter(
                x=[moved["at"]] * 2,
                y=[moved["from"], trial.number],
                mode="lines+markers",
                line={"color": COLOURS[1], "width": 1},
                marker={"symbol": ["circle-open", "circle"], "size": 6},
                hovertemplate=f"trial {trial.number} continues from trial {moved['from']}"
                f" at {moved['at']:,} steps<extra></extra>",
                row=1,
                col=1,
            )
    figure.update_yaxes(title="trial", autorange="reversed", row=1, col=1)
    for row, name in enumerate(changed, start=2):
        _add_schedules(figure, ordered, name, row)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="environment steps per seed", row=1 + len(changed), col=1)
    return figure


def lineage_text(trials: Sequence[TrialSummary]) -> str:
    """Return how often trials continued from another one."""
    count = sum(len(trial.lineage) for trial in trials)
    return (
        f"Trials continued {plural(count, 'time')} from the checkpoint of another one, with other"
        " parameters: a line leads from the other trial (open) to the one that continues. The"
        " schedules of the parameters are below."
    )


def steering_table(summary: Summary) -> TextTable | None:
    """Return what people have requested of the sweep; None if nothing."""
    rows: list[tuple[str, ...]] = [
        (
            origin(each.by, each.at),
            each.description,
            f"no effect: {each.problem}" if each.problem else "applied",
        )
        for each in summary.steered
    ]
    if not rows:
        return None
    return TextTable("steering", "", "", ("by", "request", "effect"), rows)


def _related(trials: Sequence[TrialSummary]) -> list[TrialSummary]:
    """Return the trials that continued from another one, and those from which one did."""
    numbers = {trial.number for trial in trials if trial.lineage}
    numbers |= {moved["from"] for trial in trials for moved in trial.lineage}
    return [trial for trial in trials if trial.number in numbers]


def _changed(trials: Sequence[TrialSummary]) -> list[str]:
    """Return the parameters, numbers, that continuations have changed."""
    found: dict[str, None] = {}
    for trial in trials:
        for moved in trial.lineage:
            for name, value in moved["parameters"].items():
                if value != trial.parameters.get(name) and isinstance(value, int | float):
                    found[name] = None
    return list(found)


def _add_schedules(figure: go.Figure, trials: Sequence[TrialSummary], name: str, row: int) -> None:
    for index, trial in enumerate(trials):
        points: list[tuple[int, Any]] = [(0, trial.parameters.get(name))]
        points += [(moved["at"], moved["parameters"].get(name)) for moved in trial.lineage]
        points.append((trial.env_steps, points[-1][1]))
        figure.add_scatter(
            x=[step for step, _ in points],
            y=[value for _, value in points],
            mode="lines",
            line={"shape": "hv", "width": 1.5, "color": COLOURS[index % len(COLOURS)]},
            hovertemplate=f"trial {trial.number}: %{{y:.4g}}<extra></extra>",
            row=row,
            col=1,
        )
    values = [value for trial in trials for value in _schedule(trial, name)]
    is_log = min(values, default=0) > 0 and max(values) / min(values) > _MANY_TIMES
    figure.update_yaxes(title=escape(name), type="log" if is_log else None, row=row, col=1)


def _schedule(trial: TrialSummary, name: str) -> list[float]:
    values = [trial.parameters.get(name), *(each["parameters"].get(name) for each in trial.lineage)]
    return [value for value in values if is_number(value)]
