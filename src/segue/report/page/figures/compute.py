"""How a sweep spent its compute, and what more trials would find."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from segue.report.data.evidence import Evidence
from segue.report.data.statistics import expected_best
from segue.report.page.figures.curves import COLOURS

STATES = ("complete", "pruned", "failed", "running", "paused", "interrupted")
_MINUTE = 60  # seconds
_HOUR = 3600  # seconds


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
    """Return bar charts of steps and time, one bar per state, stacked by stage."""
    unit, seconds = unit_of_time(max(sum(use.seconds.values()) for use in by_state.values()))
    figure = make_subplots(
        cols=2, subplot_titles=("environment steps, of all seeds", f"{unit} of training")
    )
    stages = sorted({stage for usage in by_state.values() for stage in usage.steps})
    for stage in stages:
        look = {
            "x": list(by_state),
            "name": f"stage {stage + 1}",
            "marker": {"color": COLOURS[stage % len(COLOURS)]},
            "legendgroup": str(stage),
        }
        steps = [usage.steps[stage] for usage in by_state.values()]
        times = [usage.seconds[stage] / seconds for usage in by_state.values()]
        figure.add_bar(y=steps, row=1, col=1, showlegend=len(stages) > 1, **look)
        figure.add_bar(y=times, row=1, col=2, showlegend=False, **look)
    figure.update_layout(barmode="stack")
    figure.update_yaxes(exponentformat="SI", col=1)
    return figure


def unit_of_time(seconds: float) -> tuple[str, int]:
    """Return the unit in which a duration is a readable number, and the unit's length in seconds.

    >>> unit_of_time(50.4), unit_of_time(600.0), unit_of_time(90_000.0)
    (('seconds', 1), ('minutes', 60), ('hours', 3600))
    """
    if seconds < 2 * _MINUTE:
        return "seconds", 1
    return ("minutes", _MINUTE) if seconds < 2 * _HOUR else ("hours", _HOUR)


def best_of_k_figure(evidence: Evidence) -> go.Figure:
    """Return the curve of the expected best metric of k trials, with its bootstrap band."""
    values = [trial.metric for trial in evidence.ranked if trial.metric is not None]
    value, low, high = expected_best(values, "max" if evidence.sign > 0 else "min")
    k = np.arange(1, len(values) + 1).tolist()
    figure = go.Figure()
    outline = {"x": k + k[::-1], "y": [*high.tolist(), *low.tolist()[::-1]]}
    figure.add_scatter(
        **outline,
        mode="lines",  # of a short outline, Plotly draws markers by default
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
