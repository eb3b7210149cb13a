"""Where the steps and the time of a sweep went, where trials were stopped, and what more trials
would have found.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from segue.report.data.evidence import Evidence
from segue.report.data.facts import TrialFacts
from segue.report.data.statistics import expected_best
from segue.report.page.curves import COLOURS

ENDS = ("complete", "pruned", "fail", "running", "interrupted")
_SECONDS_OF_AN_HOUR = 3600
_NAMED = 12  # trials whose numbers are listed


@dataclass
class Spent:
    """Environment steps and seconds by stage, of the trials with one end."""

    steps: Counter[int] = field(default_factory=Counter)
    seconds: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))


def spent(evidence: Evidence) -> dict[str, Spent]:
    """What was spent by how trials ended."""
    by_end = {end: Spent() for end in ENDS}
    for trial in evidence.trials:
        if trial.state in by_end:
            mine = by_end[trial.state]
            mine.steps.update(dict(enumerate(evidence.steps_by_stage[trial.number])))
            for stage, seconds in evidence.seconds_by_stage[trial.number].items():
                mine.seconds[stage] += seconds
    return {end: mine for end, mine in by_end.items() if mine.steps}


def budget(by_end: Mapping[str, Spent]) -> go.Figure:
    """Two bar charts, a bar an end, stacked by stage."""
    figure = make_subplots(
        cols=2, subplot_titles=("environment steps, of all seeds", "hours of training")
    )
    stages = sorted({stage for mine in by_end.values() for stage in mine.steps})
    for stage in stages:
        look = {"name": f"stage {stage + 1}", "marker": {"color": COLOURS[stage % len(COLOURS)]}}
        steps = [mine.steps[stage] for mine in by_end.values()]
        hours = [mine.seconds[stage] / _SECONDS_OF_AN_HOUR for mine in by_end.values()]
        figure.add_bar(x=list(by_end), y=steps, legendgroup=str(stage), row=1, col=1, **look)
        figure.add_bar(
            x=list(by_end), y=hours, legendgroup=str(stage), showlegend=False, row=1, col=2, **look
        )
    figure.update_layout(barmode="stack")
    return figure


@dataclass
class RungCount:
    """Which trials came to a point where some were stopped, and which of them were."""

    survived: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)


def rungs(evidence: Evidence) -> dict[tuple[int, int], RungCount]:
    """By (stage, steps) where trials were stopped: the trials that came there and went on, and
    those that did not.

    Steps are of the stage where the sweep's scheduler compares within stages, else of the whole
    trial (stage is 0).
    """
    within = evidence.summary.by_stage
    points = {
        _point(trial, trial.env_steps, within)
        for trial in evidence.trials
        if trial.state == "pruned"
    }
    counts = {point: RungCount() for point in sorted(points)}
    for trial in evidence.trials:
        reached = {_point(trial, row["env_steps"], within) for row in evidence.curves[trial.number]}
        last = _point(trial, trial.env_steps, within) if trial.state == "pruned" else None
        for point in reached & points:
            (counts[point].stopped if point == last else counts[point].survived).append(
                trial.number
            )
    return counts


def pruning(counts: Mapping[tuple[int, int], RungCount], by_stage: bool) -> go.Figure:
    """A bar a rung: how many trials went on, and how many were stopped there; their numbers appear
    under the mouse.
    """
    figure = go.Figure()
    places = [
        f"stage {stage + 1}: {steps:,}" if by_stage else f"{steps:,}" for stage, steps in counts
    ]
    for what, colour in (("survived", COLOURS[2]), ("stopped", COLOURS[4])):
        listed = [getattr(count, what) for count in counts.values()]
        figure.add_bar(
            x=places,
            y=[len(numbers) for numbers in listed],
            name=what,
            marker={"color": colour},
            customdata=[_numbers(numbers) for numbers in listed],
            hovertemplate="%{y} " + what + ": %{customdata}<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(
        title="steps in the stage" if by_stage else "environment steps of a seed", type="category"
    )
    figure.update_yaxes(title="trials")
    return figure


def best_of_k(evidence: Evidence) -> go.Figure:
    """The best metric that k trials are expected to find, with its bootstrap band."""
    values = [trial.metric for trial in evidence.judged if trial.metric is not None]
    value, low, high = expected_best(values, "max" if evidence.sign > 0 else "min")
    k = np.arange(1, len(values) + 1).tolist()
    figure = go.Figure()
    outline = {"x": k + k[::-1], "y": [*high.tolist(), *low.tolist()[::-1]]}
    figure.add_scatter(
        **outline,
        fill="toself",
        line={"width": 0},
        fillcolor="rgba(0, 114, 178, 0.15)",
        name="95 %",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=k, y=value.tolist(), mode="lines", line={"color": COLOURS[0]}, name="expected best"
    )
    figure.update_xaxes(title="trials")
    figure.update_yaxes(title=evidence.summary.metric)
    return figure


def _point(trial: TrialFacts, step: int, within: bool) -> tuple[int, int]:
    if not within:
        return 0, step
    before = [end for end in trial.stages_ended_at if end < step]
    return len(before), step - (before[-1] if before else 0)


def _numbers(numbers: Iterable[int]) -> str:
    listed = [str(number) for number in numbers]
    return ", ".join(listed[:_NAMED]) + f" and {len(listed) - _NAMED} more" * (len(listed) > _NAMED)
