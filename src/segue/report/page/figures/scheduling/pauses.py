"""The section "Pauses": when trials were paused and resumed, why, and their predicted ends."""

from collections.abc import Iterable, Iterator, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from segue.base.text import plural
from segue.record.row import Row
from segue.record.study.trials import TrialSummary
from segue.report.analysis.pauses import SURE, End, Pause, Pauses
from segue.report.page.figures.curves import COLOURS, FAINT, with_gaps
from segue.report.page.headline import short
from segue.report.page.text_table import TextTable

_EVENTS = 20  # of the table
_COMPLETE = COLOURS[2]
_PAUSED = COLOURS[0]
_Number = float | None


def predicted_figure(pauses: Pauses) -> go.Figure:
    """Return the curves of all trials, and beside them how they ended, or are predicted to end."""
    evidence = pauses.evidence
    metric = evidence.summary.metric
    figure = make_subplots(cols=2, shared_yaxes=True, column_widths=[0.6, 0.4])
    complete = [trial for trial in evidence.complete if trial.metric is not None]
    groups = (
        ("ran to the end", _COMPLETE, [trial.number for trial in complete]),
        ("not run to the end, as predicted", _PAUSED, [*pauses.ends]),
    )
    for name, colour, numbers in groups:
        rows = [evidence.curves.get(number, []) for number in numbers]
        figure.add_trace(_lines(rows, metric, name, colour), row=1, col=1)
    shown = sorted(
        [*_ended(complete), *pauses.ends.items()], key=lambda each: -evidence.sign * each[1].value
    )
    rank = {number: place for place, (number, _) in enumerate(shown, start=1)}
    for name, colour, numbers in groups:
        ends = {number: end for number, end in shown if number in numbers}
        figure.add_trace(_ends(ends, rank, name, colour), row=1, col=2)
    figure.update_xaxes(title="environment steps per seed", exponentformat="SI", row=1, col=1)
    figure.update_xaxes(title="trials, the best first", showticklabels=False, row=1, col=2)
    figure.update_yaxes(title=metric, row=1, col=1)
    return figure


def timeline_figure(pauses: Pauses) -> go.Figure:
    """Return the pauses of each trial over the steps of the sweep."""
    figure = go.Figure()
    total = sum(trial.trained_env_steps for trial in pauses.evidence.trials)
    spans: list[tuple[_Number, _Number]] = []
    for pause in pauses.pauses:
        until = total if pause.resumed is None else pause.resumed.spent
        spans += [(pause.spent, pause.trial), (max(until, pause.spent), pause.trial), (None, None)]
    figure.add_scatter(
        x=[x for x, _ in spans],
        y=[y for _, y in spans],
        mode="lines",
        line={"color": FAINT, "width": 3},
        name="is paused",
        hoverinfo="skip",
    )
    for name, colour, symbol, found in (
        ("paused", _PAUSED, "circle-open", [*_paused_events(pauses.pauses)]),
        ("resumed", COLOURS[1], "triangle-right", [*_resumed_events(pauses.resumed)]),
    ):
        figure.add_scatter(
            x=[event[0] for event in found],
            y=[event[1] for event in found],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 8},
            name=name,
            text=[event[3] for event in found],
            hovertemplate="trial %{y}, after %{x:,} steps: %{text}<extra></extra>",
        )
    figure.update_xaxes(title="environment steps of the sweep", exponentformat="SI")
    figure.update_yaxes(title="trial")
    return figure


def events_table(pauses: Pauses) -> TextTable:
    """Return the newest events in a table: after how many steps, what, and why."""
    events = [*_paused_events(pauses.pauses), *_resumed_events(pauses.resumed)]
    events.sort(key=lambda event: (event[0], event[2]))
    rows: list[tuple[str, ...]] = [
        (f"{spent:,}", str(trial), what, why) for spent, trial, what, why in events[-_EVENTS:]
    ]
    more = f" These are the last {_EVENTS} of {len(events)}." if len(events) > _EVENTS else ""
    text = (
        "Steps are those of all trials and seeds of the sweep. A trial resumes if it is the most"
        f" promising for the steps that it still takes.{more}"
    )
    return TextTable("events", "Why trials were paused and resumed", text, _COLUMNS, rows)


_COLUMNS = ("steps", "trial", "what", "why")


def predicted_text() -> str:
    """Return what the section on predicted ends says above its figure."""
    return (
        "The curves of all trials; beside them the value that each ended with, or is predicted to"
        f" end with, with the {100 * SURE:.0f} % interval of the prediction. A prediction is the"
        " last value plus what trials with similar values gained later."
    )


def timeline_text(pauses: Pauses) -> str:
    """Return how many trials were paused and resumed, in sentences."""
    evidence = pauses.evidence
    trained = sum(trial.env_steps > 0 for trial in evidence.trials)
    paused = {pause.trial for pause in pauses.pauses}
    resumed = {pause.trial for pause in pauses.resumed}
    ended = sum(trial.number in resumed for trial in evidence.complete)
    return (
        f"Of {plural(trained, 'trial')}, {len(paused)} were paused,"
        f" {plural(len(pauses.pauses), 'time')} in all. {len(resumed)} of these resumed, and"
        f" {ended} ran to the end. A pause takes no steps: each trial resumed where it was."
    )


_Event = tuple[int, int, str, str]  # the steps of the sweep, a trial, what, and why


def _paused_events(pauses: Iterable[Pause]) -> Iterator[_Event]:
    for pause in pauses:
        end = pause.end
        why = f"predicted end {short(end.value)} ({short(end.low)} to {short(end.high)})"
        if pause.instead is None:
            why += "; the steps that were left did not suffice"
        else:
            why += f"; trial {pause.instead} in its place"
        yield pause.spent, pause.trial, f"paused at {pause.at:,}", why


def _resumed_events(pauses: Iterable[Pause]) -> Iterator[_Event]:
    for pause in pauses:
        found = pause.resumed
        if found is not None:
            new = f"and {plural(found.new, 'new point')}" if found.new else "(no new one fits)"
            why = f"the most promising of {plural(found.of, 'paused trial')} {new}"
            if found.is_check:
                why = "a check: early values may mislead, so that it runs to its end"
            yield found.spent, pause.trial, f"resumed at {pause.at:,}", why


def _ended(complete: Sequence[TrialSummary]) -> Iterator[tuple[int, End]]:
    for trial in complete:
        value = float(trial.metric or 0.0)
        yield trial.number, End(value, value, value)


def _lines(curves: Sequence[Sequence[Row]], metric: str, name: str, colour: str) -> go.Scatter:
    """Return one trace with gaps between the trials."""
    steps, values = with_gaps(curves, metric)
    return go.Scatter(
        x=steps,
        y=values,
        mode="lines+markers",
        line={"color": colour, "width": 1},
        marker={"size": 4},
        name=name,
        legendgroup=name,
        hoverinfo="skip",
    )


def _ends(ends: dict[int, End], rank: dict[int, int], name: str, colour: str) -> go.Scatter:
    has_interval = any(end.high > end.low for end in ends.values())
    error = {
        "type": "data",
        "symmetric": False,
        "array": [end.high - end.value for end in ends.values()],
        "arrayminus": [end.value - end.low for end in ends.values()],
        "width": 0,
        "thickness": 1,
    }
    return go.Scatter(
        x=[rank[number] for number in ends],
        y=[end.value for end in ends.values()],
        error_y=error if has_interval else None,
        mode="markers",
        marker={"color": colour, "size": 6},
        legendgroup=name,
        showlegend=False,
        customdata=[*ends],
        hovertemplate="trial %{customdata}: %{y:.4g}<extra></extra>",
    )
