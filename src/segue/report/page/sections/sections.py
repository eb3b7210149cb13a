"""The sections of a report after its first screen: figures with an explanation each."""

from collections.abc import Iterator, Mapping

import optuna

from segue.record.study.ranking import metric_of
from segue.report.analysis.front import Front, fronts
from segue.report.analysis.pauses import Pauses
from segue.report.analysis.stopping import Stopping
from segue.report.data.evidence import Evidence
from segue.report.data.summary import Summary
from segue.report.page.figures.compute import best_of_k_figure, compute_figure, usage_by_state
from segue.report.page.figures.curves import TOP_TRIALS, learning_curves
from segue.report.page.figures.front import front_figure, front_table, front_text
from segue.report.page.figures.importance import Importance, importance_figure, importance_text
from segue.report.page.figures.optuna_view import distributions, plot_study, plotted
from segue.report.page.figures.parallel import parallel_coordinates
from segue.report.page.figures.scheduling.pauses import (
    events_table,
    predicted_figure,
    predicted_text,
    timeline_figure,
    timeline_text,
)
from segue.report.page.figures.scheduling.predictions import calibration_figure, calibration_text
from segue.report.page.figures.scheduling.pruning import RungCount, ShownRung, pruning_figure, rungs
from segue.report.page.figures.scheduling.stopping import (
    foretold,
    foretold_figure,
    replay_table,
    stopping_text,
)
from segue.report.page.figures.slices import slices
from segue.report.page.sections.more_sections import course, understanding
from segue.report.page.sections.section import Section

_AXIS_WIDTH = 90  # pixels
_SLICE_WIDTH = 190  # pixels
_FRONT_WIDTH = 280  # pixels
_COMPUTE_WIDTH = 560  # pixels
_LANE = 8  # pixels of a trial


def sections(evidence: Evidence, found: Mapping[str, Importance]) -> Iterator[Section]:
    """Yield the sections that have data; `found` holds the importances of the parameters."""
    if any(evidence.curves.values()):
        yield _curves(evidence)
    if evidence.ranked:
        study = plot_study(evidence.summary, metric_of)
        yield from _search(evidence, study)
        yield from _parameters(evidence.summary, study, found)
        yield from understanding(evidence)
    if found_fronts := fronts(evidence):
        yield _choosing(found_fronts)
    counts = rungs(evidence)
    if counts:
        yield _pruning(counts, evidence.summary.by_stage)
    yield from _stopping(evidence, counts)
    pauses = Pauses.of(evidence)
    yield from _pauses(pauses)
    yield from course(evidence, are_paused=bool(pauses.pauses))
    if by_state := usage_by_state(evidence):
        by_stage = " and by stage" if evidence.has_stages else ""
        text = (
            "Environment steps over all seeds, and time of training, by the state of the trials"
            f"{by_stage}."
        )
        figure = compute_figure(by_state)
        yield Section("budget", "Compute", text, figure, min_width=_COMPUTE_WIDTH)


def _curves(evidence: Evidence) -> Section:
    coloured = min(TOP_TRIALS, len(evidence.ranked))
    best = {0: "", 1: "The best trial is in colour, the others in grey. "}.get(
        coloured, f"The {coloured} best trials are in colour, the others in grey. "
    )
    bands = "Bands reach from the worst seed to the best. " if _has_seeds(evidence) else ""
    stages = (
        "Diamonds mark the ends of stages, and dashed lines those of the best trial. "
        if evidence.has_stages
        else ""
    )
    text = (
        f"{best}{bands}{stages}Evaluation episodes run without a teacher, on seeds that training"
        " does not use."
    )
    return Section("curves", "Learning curves", text, learning_curves(evidence), height=480)


def _search(evidence: Evidence, study: optuna.Study) -> Iterator[Section]:
    metric = evidence.summary.metric
    history = optuna.visualization.plot_optimization_history(study, target_name=metric)
    text = (
        f"The {metric} of each trial, and the best so far. A stopped trial counts with its value at"
        " that point."
    )
    yield Section("history", "Optimization history", text, history)
    text = (
        f"The best {metric} that k trials drawn at random from this sweep are expected to reach,"
        " with a bootstrap band over trials. Where the curve ends flat, more trials would find"
        " little."
    )
    yield Section("best-of-k", "Expected best of k trials", text, best_of_k_figure(evidence))


def _parameters(
    summary: Summary, study: optuna.Study, found: Mapping[str, Importance]
) -> Iterator[Section]:
    if found:
        height = 180 + 40 * len(next(iter(found.values())).shares) * len(found)
        yield Section(
            "importance",
            "Parameter importance",
            importance_text(summary, found),
            importance_figure(found),
            height,
        )
    count = len(distributions(summary.trials))
    if count and len(plotted(study)) >= 2:
        metric = summary.metric
        text = (
            "One line per trial, the best in orange. Where a line crosses an axis, the mouse shows"
            " the trial and its value."
        )
        lines = parallel_coordinates(study, metric, summary.mode)
        width = _AXIS_WIDTH * (count + 1)
        yield Section("parallel", "Parallel coordinates", text, lines, min_width=width)
        text = (
            f"The {metric} over each parameter; later trials are bluer. A stopped trial counts with"
            " its value at that point."
        )
        figure = slices(study, metric)
        yield Section("slices", "Slices", text, figure, min_width=_SLICE_WIDTH * count)


def _pruning(counts: Mapping[ShownRung, RungCount], by_stage: bool) -> Section:
    text = "How many trials reached each point at which some were stopped, and how many continued."
    if any(rung.first < rung.last for rung in counts):
        text += (
            " A trial is compared at its first report past such a point, so that the steps differ"
            " between trials."
        )
    return Section("pruning", "Pruning", text, pruning_figure(counts, by_stage))


def _choosing(found: list[Front]) -> Section:
    text = front_text(found)
    width = _FRONT_WIDTH * sum(len(front.names) - 1 for front in found)
    figure = front_figure(found)
    table = front_table(found)
    return Section("front", "Choosing", text, figure, min_width=width, table=table)


def _stopping(evidence: Evidence, counts: dict[ShownRung, RungCount]) -> Iterator[Section]:
    stopping = Stopping.of(evidence)
    found = foretold(stopping, counts)
    table = replay_table(stopping)
    figure = foretold_figure(found)
    if figure is None and table is None and stopping.problem is None:
        return
    text = stopping_text(stopping, found)
    yield Section("stopping", "Was stopping worth it?", text, figure, 340, table=table)


def _pauses(pauses: Pauses) -> Iterator[Section]:
    if not pauses.pauses:
        return
    title = "Predicted ends"
    figure = predicted_figure(pauses)
    yield Section("predicted", title, predicted_text(), figure, min_width=_COMPUTE_WIDTH)
    height = 200 + _LANE * len({pause.trial for pause in pauses.pauses})
    figure = timeline_figure(pauses)
    table = events_table(pauses)
    yield Section("pauses", "Pauses", timeline_text(pauses), figure, height, table=table)
    figure = calibration_figure(pauses)
    if figure is not None:
        title = "Were the predictions right?"
        yield Section("calibration", title, calibration_text(pauses), figure)


def _has_seeds(evidence: Evidence) -> bool:
    return any(len(trial.per_seed) > 1 for trial in evidence.ranked)
