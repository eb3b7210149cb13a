"""How a sweep spent its compute, where trials were stopped, and what more trials would find."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from segue.record.row import ENV_STEPS
from segue.record.trials import TrialSummary
from segue.report.data.evidence import Evidence
from segue.report.data.statistics import expected_best
from segue.report.page.curves import COLOURS

STATES = ("complete", "pruned", "failed", "running", "interrupted")
_SECONDS_PER_HOUR = 3600
_LISTED = 12  # trials whose numbers are listed


@dataclass
class Usage:
    """Environment steps and seconds per stage of all trials in one state."""

    steps: Counter[int] = field(default_factory=Counter)
    seconds: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))


def usage_by_state(evidence: Evidence) -> dict[str, Usage]:
    """Return the compute that trials used, by their state."""
    by_state = {state: Usage() for state in STATES}
    for trial in evidence.trials:
        if trial.state in by_state:
            usage = by_state[trial.state]
            usage.steps.update(dict(enumerate(evidence.steps_by_stage[trial.number])))
            for stage, seconds in evidence.seconds_by_stage[trial.number].items():
                usage.seconds[stage] += seconds
    return {state: usage for state, usage in by_state.items() if usage.steps}


def compute_figure(by_state: Mapping[str, Usage]) -> go.Figure:
    """Return bar charts of steps and hours, one bar per state, stacked by stage."""
    figure = make_subplots(
        cols=2, subplot_titles=("environment steps, of all seeds", "hours of training")
    )
    stages = sorted({stage for usage in by_state.values() for stage in usage.steps})
    for stage in stages:
        look = {"name": f"stage {stage + 1}", "marker": {"color": COLOURS[stage % len(COLOURS)]}}
        steps = [usage.steps[stage] for usage in by_state.values()]
        hours = [usage.seconds[stage] / _SECONDS_PER_HOUR for usage in by_state.values()]
        figure.add_bar(x=list(by_state), y=steps, legendgroup=str(stage), row=1, col=1, **look)
        figure.add_bar(
            x=list(by_state),
            y=hours,
            legendgroup=str(stage),
            showlegend=False,
            row=1,
            col=2,
            **look,
        )
    figure.update_layout(barmode="stack")
    return figure


@dataclass
class RungCount:
    """The trials that survived and those that were stopped at a point where some were stopped."""

    survived: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)


def rungs(evidence: Evidence) -> dict[tuple[int, int], RungCount]:
    """Return the trials that reached each point where some were stopped, by (stage, steps).

    Steps count from the start of the stage if the sweep's scheduler compares trials within stages;
    otherwise they count from the start of the trial, and the stage is 0.
    """
    within = evidence.summary.by_stage
    points = {
        _point(trial, trial.env_steps, within)
        for trial in evidence.trials
        if trial.state == "pruned"
    }
    counts = {point: RungCount() for point in sorted(points)}
    for trial in evidence.trials:
        reached = {_point(trial, row[ENV_STEPS], within) for row in evidence.curves[trial.number]}
        last = _point(trial, trial.env_steps, within) if trial.state == "pruned" else None
        for point in reached & points:
            (counts[point].stopped if point == last else counts[point].survived).append(
                trial.number
            )
    return counts


def pruning_figure(counts: Mapping[tuple[int, int], RungCount], by_stage: bool) -> go.Figure:
    """Return a bar per rung of the trials that continued and those that were stopped there.

    Their numbers appear when the mouse hovers over a bar.
    """
    figure = go.Figure()
    labels = [
        f"stage {stage + 1}: {steps:,}" if by_stage else f"{steps:,}" for stage, steps in counts
    ]
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


def best_of_k_figure(evidence: Evidence) -> go.Figure:
    """Return the curve of the expected best metric of k trials, with its bootstrap band."""
    values = [trial.metric for trial in evidence.ranked if trial.metric is not None]
    value, low, high = expected_best(values, "max" if evidence.sign > 0 else "min")
    k = np.arange(1, len(values) + 1).tolist()
    figure = go.Figure()
    outline = {"x": k + k[::-1], "y": [*high.tolist(), *low.tolist()[::-1]]}
    figure.add_scatter(
        **outline,
        fill="toself",
        line={"width": 0},
        fillcolor="rgba(0, 114, 178, 0.15)",
        name="95 % interval",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=k, y=value.tolist(), mode="lines", line={"color": COLOURS[0]}, name="expected best"
    )
    figure.update_xaxes(title="trials")
    figure.update_yaxes(title=evidence.summary.metric)
    return figure


def _point(trial: TrialSummary, step: int, within: bool) -> tuple[int, int]:
    if not within:
        return 0, step
    before = [end for end in trial.stages_ended_at if end < step]
    return len(before), step - (before[-1] if before else 0)


def _numbers(numbers: Iterable[int]) -> str:
    texts = [str(number) for number in numbers]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more
