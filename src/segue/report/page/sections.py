"""The parts of a report after its headline, each a figure with what it shows in words."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState

from segue.report.data.evidence import Evidence
from segue.report.data.summary import Summary, metric_of
from segue.report.page.curves import COLOURS, SHOWN, learning_curves
from segue.report.page.shown_study import distributions, metric_at_stage_end, shown_study
from segue.report.page.spending import best_of_k, budget, pruning, rungs, spent

_ENOUGH = 4  # trials, below which nothing is said of parameters
_SCALE = [[0, "#9aa3af"], [1, "#d55e00"]]  # seen on white and on black
_LATER = [[0, "#b8c0c8"], [1, "#0072b2"]]
_PER_AXIS, _PER_SLICE = 90, 190  # pixels


@dataclass(frozen=True)
class Section:
    """A title, words, and a figure; `anchor` is its name in the page."""

    anchor: str
    title: str
    text: str
    figure: go.Figure | None = None
    height: int = 420  # pixels
    min_width: int = 0  # pixels, below which the figure is scrolled


@dataclass(frozen=True)
class Importance:
    """Shares of the parameters in the differences between so many trials, which add up to 1."""

    shares: Mapping[str, float]
    trials: int


FINAL = "final"


def sections(evidence: Evidence, found: Mapping[str, Importance]) -> Iterator[Section]:
    """All that there is something to show of; `found` is what explains the metric."""
    if any(evidence.curves.values()):
        yield _curves(evidence)
    if evidence.judged:
        study = shown_study(evidence.summary, metric_of)
        yield from _search(evidence, study)
        yield from _parameters(evidence.summary, study, found)
    if counts := rungs(evidence):
        yield _pruning(evidence, pruning(counts, evidence.summary.by_stage))
    if by_end := spent(evidence):
        text = (
            "Environment steps of all seeds, and hours that trials trained, by how they ended and"
            " in which stage."
        )
        yield Section("budget", "Budget", text, budget(by_end))


def importances(summary: Summary) -> dict[str, Importance]:
    """What explains the final metric, and what explains that at the end of each stage but the last.

    fANOVA (Hutter et al., ICML 2014) as Optuna has it, over the trials that came so far. What is
    the same for all of them, or known of too few, is left out.
    """
    stages = max(
        (trial.user_attrs.get("stages", {}).get("of", 0) for trial in summary.trials), default=0
    )
    asked: dict[str, Callable[[FrozenTrial], float | None]] = {FINAL: _final}
    asked |= {
        f"end of stage {stage + 1}": partial(metric_at_stage_end, stage=stage)
        for stage in range(stages - 1)
    }
    found = {what: _importance(shown_study(summary, value_of)) for what, value_of in asked.items()}
    return {what: importance for what, importance in found.items() if importance}


def _curves(evidence: Evidence) -> Section:
    best = f"The best {min(SHOWN, len(evidence.judged))} trials in colour, the others in grey. "
    text = (
        f"{best * bool(evidence.judged)}Bands reach from the worst seed to the best; diamonds mark"
        " the ends of stages, dashed lines those of the best trial. Evaluations are played without"
        " the teacher, on seeds of their own."
    )
    return Section("curves", "Learning curves", text, learning_curves(evidence), height=480)


def _search(evidence: Evidence, study: optuna.Study) -> Iterator[Section]:
    metric = evidence.summary.metric
    history = optuna.visualization.plot_optimization_history(study, target_name=metric)
    note = " Trials that were stopped count with what they had then."
    yield Section(
        "history",
        "Optimisation history",
        f"Each trial's {metric}, and the best so far.{note}",
        history,
    )
    text = (
        f"The best {metric} that so many trials are expected to find, drawn from those here at"
        " random, with a bootstrap band over trials. A flat end says that more trials would find"
        " little."
    )
    yield Section("best-of-k", "Expected best of k trials", text, best_of_k(evidence))


def _parameters(
    summary: Summary, study: optuna.Study, found: Mapping[str, Importance]
) -> Iterator[Section]:
    if found:
        height = 180 + 40 * len(next(iter(found.values())).shares) * len(found)
        yield Section(
            "importance",
            "What mattered",
            _importance_text(summary, found),
            _importance_figure(found),
            height,
        )
    count = len(distributions(summary.trials))
    if count and len(study.trials) >= 2:
        plots, name = optuna.visualization, summary.metric
        lines = plots.plot_parallel_coordinate(study, target_name=name)
        lines.update_traces(
            {"line": {"colorscale": _SCALE, "reversescale": summary.mode == "min"}},
            {"type": "parcoords"},
        )
        text = "A line a trial, the best in orange; drag along an axis to choose some."
        yield Section(
            "parallel", "Parameters together", text, lines, min_width=_PER_AXIS * (count + 1)
        )
        text = (
            f"{name} over each parameter; the bluer, the later. Stopped trials count with what they"
            " had then."
        )
        slices = plots.plot_slice(study, target_name=name)
        slices.update_traces({"marker": {"colorscale": _LATER}}, {"type": "scatter"})
        yield Section("slices", "Parameters one by one", text, slices, min_width=_PER_SLICE * count)


def _importance(study: optuna.Study) -> Importance | None:
    values = {trial.value for trial in study.trials}
    if len(study.trials) < _ENOUGH or len(values) < 2:
        return None
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=_evaluator())
    except ValueError:  # no parameter that all trials have
        return None
    return (
        Importance({name: float(share) for name, share in shares.items()}, len(study.trials))
        if shares
        else None
    )


def _evaluator() -> Any:
    # Its cost grows with the square of the leaves: trees of full depth would take a minute for a
    # thousand trials.
    return optuna.importance.FanovaImportanceEvaluator(n_trees=64, max_depth=6, seed=0)


def _importance_text(summary: Summary, found: Mapping[str, Importance]) -> str:
    says = (
        f"The share of each parameter in the differences of {summary.metric} between trials"
        " (fANOVA)."
    )
    if FINAL not in found:
        return (
            f"{says} Too few trials ran to their end, or all ended with the same: that is not"
            " explained."
        )
    return says + " What decides how a stage ends need not decide how the pipeline ends." * (
        len(found) > 1
    )


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


def _pruning(evidence: Evidence, figure: go.Figure) -> Section:
    text = "How many trials came to each point where some were stopped, and how many went on."
    return Section("pruning", "Where trials were stopped", text, figure)


def _final(trial: FrozenTrial) -> float | None:
    return metric_of(trial) if trial.state == TrialState.COMPLETE else None
