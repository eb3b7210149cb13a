"""Where trials were stopped, and how many continued from there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from segue.record.row import ENV_STEPS
from segue.record.study.trials import TrialSummary
from segue.report.data.evidence import Evidence
from segue.report.page.figures.curves import COLOURS

_LISTED = 12  # trials whose numbers are listed
_Point = tuple[int, int]


@dataclass(frozen=True)
class ShownRung:
    """A point at which trials were compared and some of them were stopped.

    A trial is compared at its first report at or after the point, so that the steps may differ
    between trials: they lie between `first` and `last`.
    """

    stage: int
    """Index of the stage, from 0."""
    first: int
    last: int


@dataclass
class RungCount:
    """The trials that survived and those that were stopped at a rung."""

    survived: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)


def rungs(evidence: Evidence) -> dict[ShownRung, RungCount]:
    """Return the trials that reached each rung.

    Steps count from the start of the stage if the sweep's scheduler compares trials within stages;
    otherwise they count from the start of the trial, and the stage is 0.
    """
    within = evidence.summary.by_stage
    stopped = {
        trial.number: _point(trial, trial.env_steps, within)
        for trial in evidence.trials
        if trial.state == "pruned"
    }
    reports = {
        trial.number: [
            _point(trial, row[ENV_STEPS], within) for row in evidence.curves[trial.number]
        ]
        for trial in evidence.trials
    }
    counts = {rung: RungCount() for rung in _merged(stopped, reports)}
    for rung, count in counts.items():
        for number, points in reports.items():
            reached = next((point for point in points if _is_at(rung, point)), None)
            if reached is not None:
                ended = stopped.get(number) == reached
                (count.stopped if ended else count.survived).append(number)
    return counts


def pruning_figure(counts: Mapping[ShownRung, RungCount], by_stage: bool) -> go.Figure:
    """Return a bar per rung of the trials that continued and those that were stopped there.

    Their numbers appear when the mouse hovers over a bar.
    """
    figure = go.Figure()
    labels = [label_of(rung, by_stage) for rung in counts]
    for what, colour in (("survived", COLOURS[2]), ("stopped", COLOURS[4])):
        trials = [getattr(count, what) for count in counts.values()]
        figure.add_bar(
            x=labels,
            y=[len(numbers) for numbers in trials],
            name=what,
            marker={"color": colour},
            customdata=[_numbers(numbers) for numbers in trials],
            hovertemplate="%{y} " + what + ": %{customdata}<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(
        title="steps in the stage" if by_stage else "environment steps per seed", type="category"
    )
    figure.update_yaxes(title="trials")
    return figure


def label_of(rung: ShownRung, by_stage: bool) -> str:
    """Return where a rung is, for people."""
    return f"stage {rung.stage + 1}: {_steps(rung)}" if by_stage else _steps(rung)


def values_at(evidence: Evidence, rung: ShownRung) -> dict[int, float]:
    """Return the metric of each trial at its first report at a rung, by its number."""
    within = evidence.summary.by_stage
    found: dict[int, float] = {}
    for trial in evidence.trials:
        for row in evidence.curves[trial.number]:
            if _is_at(rung, _point(trial, row[ENV_STEPS], within)):
                found.setdefault(trial.number, row[evidence.summary.metric])
    return found


def _merged(
    stopped: Mapping[int, _Point], reports: Mapping[int, Sequence[_Point]]
) -> Iterator[ShownRung]:
    """Yield the rungs, in order.

    Two points at which trials were stopped belong to one rung if no trial that was stopped at the
    later point had reported between the two: at that report it would have been compared already.
    """
    group: list[_Point] = []
    for point in sorted(set(stopped.values())):
        if group and not _is_same_rung(group[0], point, stopped, reports):
            yield ShownRung(group[0][0], group[0][1], group[-1][1])
            group = []
        group.append(point)
    if group:
        yield ShownRung(group[0][0], group[0][1], group[-1][1])


def _is_same_rung(
    first: _Point,
    point: _Point,
    stopped: Mapping[int, _Point],
    reports: Mapping[int, Sequence[_Point]],
) -> bool:
    here = [number for number, end in stopped.items() if end == point]
    return first[0] == point[0] and not any(
        first <= report < point for number in here for report in reports[number]
    )


def _is_at(rung: ShownRung, point: _Point) -> bool:
    return point[0] == rung.stage and rung.first <= point[1] <= rung.last


def _point(trial: TrialSummary, step: int, within: bool) -> _Point:
    if not within:
        return 0, step
    before = [end for end in trial.stages_ended_at if end < step]
    return len(before), step - (before[-1] if before else 0)


def _steps(rung: ShownRung) -> str:
    return f"{rung.first:,}" + (f" to {rung.last:,}" if rung.last > rung.first else "")


def _numbers(numbers: Iterable[int]) -> str:
    texts = [str(number) for number in numbers]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more
