"""Sections on what decides the metric, and on what happened while the sweep ran."""

from collections.abc import Iterator

from segue.report.analysis.surrogate import Surrogate
from segue.report.data.evidence import Evidence
from segue.report.data.timeline import Timeline
from segue.report.page.figures.history import (
    lineage_figure,
    lineage_text,
    steering_table,
    workers_figure,
    workers_text,
)
from segue.report.page.figures.understanding import (
    interactions_figure,
    interactions_text,
    path_figure,
    path_text,
    predictability_figure,
    predictability_text,
)
from segue.report.page.sections.section import Section

_PAIRS = 2  # shown interactions
_PAIR_WIDTH = 420  # pixels
_LANE = 26  # pixels of a row of trials
_STEP = 34  # pixels of a change on a path
_SCHEDULE = 160  # pixels of a parameter's schedules


def understanding(evidence: Evidence) -> Iterator[Section]:
    """Yield what a forest over the complete trials shows; nothing for too few of them."""
    surrogate = Surrogate.of(evidence.summary)
    if surrogate is None:
        return
    metric = evidence.summary.metric
    text = predictability_text(surrogate, metric)
    figure = predictability_figure(surrogate, metric)
    yield Section("predictability", "Predictability", text, figure, 360)
    pairs = surrogate.pairs(_PAIRS)
    if pairs:
        figure = interactions_figure(surrogate, pairs)
        width = _PAIR_WIDTH * len(pairs)
        yield Section(
            "interactions", "Interactions", interactions_text(pairs), figure, min_width=width
        )
    known = {trial.number: trial for trial in surrogate.trials}
    best = next((trial for trial in evidence.complete if trial.number in known), None)
    first = surrogate.trials[0]
    if best is None or best.number == first.number:
        return
    last = known[best.number]
    steps = surrogate.path(first, last, evidence.sign)
    if steps:
        text = path_text(surrogate, steps, first, last, metric)
        figure = path_figure(surrogate, steps, first, metric)
        height = 140 + _STEP * len(steps)
        yield Section("path", "From the first point to the winner", text, figure, height)


def course(evidence: Evidence, *, are_paused: bool) -> Iterator[Section]:
    """Yield the workers' timeline, the lineage of trials, and what people requested.

    The first is left out where trials `are_paused`, whose timeline is another one.
    """
    timeline = Timeline.of(evidence.trials)
    if timeline.lanes and not are_paused:
        height = 140 + _LANE * timeline.lanes
        figure = workers_figure(timeline)
        yield Section("workers", "Workers", workers_text(timeline), figure, height)
    moved = [trial for trial in evidence.trials if trial.lineage]
    if moved:
        figure = lineage_figure(evidence.trials)
        height = 320 + _SCHEDULE * (len([*figure.select_yaxes()]) - 1)
        yield Section("lineage", "Lineage", lineage_text(moved), figure, height)
    table = steering_table(evidence.summary)
    if table is not None:
        text = "What people requested of the sweep while it ran."
        yield Section("steering", "Steering", text, table=table)
