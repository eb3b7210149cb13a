"""The sections of a report after its first screen: figures with an explanation each."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState

from segue.record.stages import Stages
from segue.record.trials import metric_of
from segue.report.data.evidence import Evidence
from segue.report.data.summary import Summary
from segue.report.page.compute import (
    best_of_k_figure,
    compute_figure,
    pruning_figure,
    rungs,
    usage_by_state,
)
from segue.report.page.curves import COLOURS, TOP_TRIALS, learning_curves
from segue.report.page.optuna_view import distributions, metric_at_stage_end, plot_study
from segue.report.page.parallel import parallel_coordinates

_ENOUGH = 4  # trials from which the importance of parameters is estimated
_LATER = [[0, "#b8c0c8"], [1, "#0072b2"]]
_AXIS_WIDTH = 90  # pixels
_SLICE_WIDTH = 190  # pixels


@dataclass(frozen=True)
class Section:
    """A title, an explanation and a figure; `anchor` is the section's id in the page."""

    anchor: str
    title: str
    text: str
    figure: go.Figure | None = None
    height: int = 420  # pixels
    min_width: int = 0  # pixels, below which the figure scrolls sideways


@dataclass(frozen=True)
class Importance:
    """Each parameter's share in the variance between `trials` trials; the shares add up to 1."""

    shares: Mapping[str, float]
    trials: int


FINAL = "final"


def sections(evidence: Evidence, found: Mapping[str, Importance]) -> Iterator[Section]:
    """Yield the sections that have data; `found` holds the importances of the parameters."""
    if any(evidence.curves.values()):
        yield _curves(evidence)
    if evidence.ranked:
        study = plot_study(evidence.summary, metric_of)
        yield from _search(evidence, study)
        yield from _parameters(evidence.summary, study, found)
    if counts := rungs(evidence):
        yield _pruning(pruning_figure(counts, evidence.summary.by_stage))
    if by_state := usage_by_state(evidence):
        text = (
            "Environment steps over all seeds and hours of training, by the state of the trials"
            " and by stage."
        )
        yield Section("budget", "Compute", text, compute_figure(by_state))


def importances(summary: Summary) -> dict[str, Importance]:
    """Return the importances for the final metric and for that at the end of each earlier stage.

    They are computed by Optuna's fANOVA (Hutter et al., ICML 2014) over the trials that reached
    that point. A metric that is equal for all of them, or known of too few, is left out.
    """
    known = [stages for trial in summary.trials if (stages := Stages.recorded_of(trial))]
    ended = max((min(stages.of - 1, len(stages.ended_at)) for stages in known), default=0)
    metrics: dict[str, Callable[[FrozenTrial], float | None]] = {FINAL: _final}
    metrics |= {
        f"end of stage {stage + 1}": partial(metric_at_stage_end, stage=stage)
        for stage in range(ended)
    }
    found = {what: _importance(plot_study(summary, value_of)) for what, value_of in metrics.items()}
    return {what: importance for what, importance in found.items() if importance}


def _curves(evidence: Evidence) -> Section:
    coloured = min(TOP_TRIALS, len(evidence.ranked))
    best = f"The {coloured} best trials are in colour, the others in grey. " if coloured else ""
    text = (
        f"{best}Bands reach from the worst seed to the best. Diamonds mark the ends of stages, and"
        " dashed lines those of the best trial. Evaluation episodes run without the teacher, on"
        " seeds that training does not use."
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
            _importance_text(summary, found),
            _importance_figure(found),
            height,
        )
    count = len(distributions(summary.trials))
    if count and len(study.trials) >= 2:
        metric = summary.metric
        text = "One line per trial, the best in orange. Hover over a line to see its values."
        lines = parallel_coordinates(study, metric, summary.mode)
        width = _AXIS_WIDTH * (count + 1)
        yield Section("parallel", "Parallel coordinates", text, lines, min_width=width)
        text = (
            f"The {metric} over each parameter; later trials are bluer. A stopped trial counts with"
            " its value at that point."
        )
        slices = optuna.visualization.plot_slice(study, target_name=metric)
        slices.update_traces({"marker": {"colorscale": _LATER}}, {"type": "scatter"})
        yield Section("slices", "Slices", text, slices, min_width=_SLICE_WIDTH * count)


def _importance(study: optuna.Study) -> Importance | None:
    values = {trial.value for trial in study.trials}
    if len(study.trials) < _ENOUGH or len(values) < 2:
        return None
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=_evaluator())
    except ValueError:  # no parameter is common to all trials
        return None
    if not shares:
        return None
    return Importance({name: float(share) for name, share in shares.items()}, len(study.trials))


def _evaluator() -> Any:
    # Its cost grows with the square of the leaves: trees of full depth would take a minute for a
    # thousand trials.
    return optuna.importance.FanovaImportanceEvaluator(n_trees=64, max_depth=6, seed=0)


def _importance_text(summary: Summary, found: Mapping[str, Importance]) -> str:
    text = (
        f"The share of each parameter in the variance of {summary.metric} between trials (fANOVA)."
    )
    if FINAL not in found:
        return (
            f"{text} The final value is not explained: too few trials ran to their end, or all of"
            " them ended with the same value."
        )
    if len(found) > 1:
        text += " What decides how a stage ends need not decide how the pipeline ends."
    return text


def _importance_figure(found: Mapping[str, Importance]) -> go.Figure:
    figure = go.Figure()
    names = list(
        dict.fromkeys(name for importance in found.values() for name in importance.shares)
    )[::-1]
    for (what, importance), colour in zip(found.items(), itertools.cycle(COLOURS)):
        shares = [importance.shares.get(name, 0.0) for name in names]
        name = f"{what}, {importance.trials} trials"
        figure.add_bar(
            y=names, x=shares, orientation="h", name=name, marker={"color": colour}, showlegend=True
        )
    figure.update_layout(barmode="group", legend={"orientation": "h", "y": 1.15})
    figure.update_xaxes(title="importance", range=[0, 1])
    figure.update_yaxes(automargin=True)
    return figure


def _pruning(figure: go.Figure) -> Section:
    text = "How many trials reached each point at which some were stopped, and how many continued."
    return Section("pruning", "Pruning", text, figure)


def _final(trial: FrozenTrial) -> float | None:
    return metric_of(trial) if trial.state == TrialState.COMPLETE else None
