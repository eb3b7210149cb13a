"""The section "Choosing": trials that no other one beats in every respect."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from segue.record.study.trials import TrialSummary
from segue.report.analysis.front import Front
from segue.report.page.figures.curves import COLOURS, FAINT
from segue.report.page.headline import short
from segue.report.page.text_table import TextTable

_ROWS = 30  # trials in the table


def front_figure(fronts: Sequence[Front]) -> go.Figure:
    """Return a panel for each pair of the first value and another one."""
    panels = [(front, index) for front in fronts for index in range(1, len(front.names))]
    figure = make_subplots(cols=len(panels), horizontal_spacing=0.12)
    for column, (front, index) in enumerate(panels, start=1):
        for trace in _traces(front, index, shows_legend=column == 1):
            figure.add_trace(trace, row=1, col=column)
        is_wide = front.modes[index] == "min" and _is_wide([each[index] for each in front.values])
        figure.update_xaxes(
            title=front.names[index], type="log" if is_wide else "linear", row=1, col=column
        )
        figure.update_yaxes(title=front.names[0] if column == 1 else None, row=1, col=column)
    return figure


def front_text(fronts: Sequence[Front]) -> str:
    """Return what the section says above its figure."""
    front = fronts[0]
    better = [
        f"{name} ({'higher' if mode == 'max' else 'lower'} is better)"
        for name, mode in zip(front.names, front.modes, strict=True)
    ]
    text = (
        f"Complete trials by {' and '.join(better)}. Coloured trials are numbered: no other trial"
        " is at least as good in each respect and better in one. Retrain them with"
        " `segue retrain RUN --choose pareto`."
    )
    if any(not trial.is_allowed for trial in front.trials):
        text += " Crosses violate a constraint, and cannot be chosen."
    return text


def front_table(fronts: Sequence[Front]) -> TextTable:
    """Return the trials that no other one beats, with their values, constraints and parameters."""
    best = list(dict.fromkeys(trial.number for front in fronts for trial in front.best))
    known = {trial.number: trial for front in fronts for trial in front.trials}
    trials = [known[number] for number in best][:_ROWS]
    names = list(dict.fromkeys(name for front in fronts for name in front.names))
    constraints = list(dict.fromkeys(name for trial in trials for name in trial.constraints))
    parameters = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    columns = ("trial", *names, *(f"{name} <= 0" for name in constraints), *parameters)
    rows = [
        (
            str(trial.number),
            *(_value(fronts, trial, name) for name in names),
            *(short(trial.constraints.get(name, "")) for name in constraints),
            *(short(trial.parameters.get(name, "")) for name in parameters),
        )
        for trial in trials
    ]
    text = f"The first {_ROWS} of {len(best)}." if len(best) > _ROWS else ""
    return TextTable("front", "Not beaten by any other trial", text, columns, rows)


def _traces(front: Front, index: int, shows_legend: bool) -> Iterator[go.Scatter]:
    best = {trial.number for trial in front.best}
    beaten = [trial for trial in front.trials if trial.number not in best and trial.is_allowed]
    forbidden = [trial for trial in front.trials if not trial.is_allowed]
    groups = (
        ("beaten by another trial", beaten, {"color": FAINT, "size": 7}),
        ("violates a constraint", forbidden, {"color": COLOURS[1], "symbol": "x", "size": 8}),
        ("not beaten", list(front.best), {"color": COLOURS[0], "size": 10}),
    )
    for name, trials, marker in groups:
        if not trials:
            continue
        points = sorted(
            ((front.values_of(trial)[index], trial) for trial in trials), key=lambda each: each[0]
        )
        yield go.Scatter(
            x=[value for value, _ in points],
            y=[front.values_of(trial)[0] for _, trial in points],
            mode="markers+lines+text" if name == "not beaten" else "markers",
            line={"dash": "dot", "width": 1},
            text=[str(trial.number) for _, trial in points],
            textposition="top center",
            cliponaxis=False,
            marker=marker,
            name=name,
            legendgroup=name,
            showlegend=shows_legend,
            hovertemplate="trial %{text}: %{y:.4g} at %{x:,.4g}<extra></extra>",
        )


def _value(fronts: Sequence[Front], trial: TrialSummary, name: str) -> str:
    for front in fronts:
        if name in front.names and front.has(trial):
            return short(float(front.values_of(trial)[front.names.index(name)]))
    return ""


def _is_wide(values: Sequence[float]) -> bool:
    finite = [value for value in values if 0 < value < float("inf")]
    return len(finite) == len(values) and max(finite) > 30 * min(finite)
