"""The importance of each parameter for the metric, at the end and after each earlier stage."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState

from segue.base.text import listed
from segue.record.study.ranking import metric_of
from segue.record.study.stages import Stages
from segue.report.data.summary import Summary
from segue.report.page.figures.curves import COLOURS
from segue.report.page.figures.optuna_view import metric_at_stage_end, plot_study, plotted

FINAL = "final"
_ENOUGH = 4  # trials from which the importance of parameters is estimated


@dataclass(frozen=True)
class Importance:
    """Each parameter's share in the variance between `trials` trials; the shares add up to 1."""

    shares: Mapping[str, float]
    trials: int
    lengths: tuple[str, ...] = ()
    """Parameters that are left out, since they set how long the trials had trained by then."""


def importances(summary: Summary) -> dict[str, Importance]:
    """Return the importances for the final metric and for that at the end of each earlier stage.

    They are computed by Optuna's fANOVA (Hutter et al., ICML 2014) over the trials that reached
    that point. A metric that is equal for all of them, or known of too few, is left out. At the end
    of a stage, parameters that set the length of the stages so far are left out: whoever trained
    longer is better there, which says nothing about the length to choose.
    """
    known = [stages for trial in summary.trials if (stages := Stages.recorded_of(trial))]
    ended = max((min(stages.of - 1, len(stages.ended_at)) for stages in known), default=0)
    found = {FINAL: _importance(plot_study(summary, _final), ())}
    for stage in range(ended):
        value_of = partial(metric_at_stage_end, stage=stage)
        lengths = tuple(sorted(_lengths(summary.trials, value_of, stage)))
        study = plot_study(summary, value_of, without=lengths)
        found[f"end of stage {stage + 1}"] = _importance(study, lengths)
    return {what: importance for what, importance in found.items() if importance}


def importance_text(summary: Summary, found: Mapping[str, Importance]) -> str:
    """Return the explanation of the figure."""
    text = (
        f"The share of each parameter in the variance of {summary.metric} between trials (fANOVA)."
    )
    for what, importance in found.items():
        if importance.lengths:
            verb = "sets" if len(importance.lengths) == 1 else "set"
            text += (
                f" {listed(importance.lengths)} {verb} how long a trial has trained by the {what}"
                f" and {'is' if verb == 'sets' else 'are'} left out there."
            )
    if FINAL not in found:
        return (
            f"{text} The final value is not explained: too few trials ran to their end, or all of"
            " them ended with the same value."
        )
    if len(found) > 1:
        text += " What decides how a stage ends need not decide how the pipeline ends."
    return text


def importance_figure(found: Mapping[str, Importance]) -> go.Figure:
    """Return a group of bars per parameter, one for each point in the pipeline."""
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


def _importance(study: optuna.Study, lengths: Sequence[str]) -> Importance | None:
    trials = plotted(study)
    if len(trials) < _ENOUGH or len({trial.value for trial in trials}) < 2:
        return None
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=_evaluator())
    except ValueError:  # no parameter is common to all trials
        return None
    if not shares:
        return None
    known = {name: float(share) for name, share in shares.items()}
    return Importance(known, len(trials), tuple(lengths))


def _evaluator() -> Any:
    # Its cost grows with the square of the leaves: trees of full depth would take a minute for a
    # thousand trials.
    return optuna.importance.FanovaImportanceEvaluator(n_trees=64, max_depth=6, seed=0)


def _lengths(
    trials: Sequence[FrozenTrial],
    value_of: Callable[[FrozenTrial], float | None],
    stage: int,
) -> Iterator[str]:
    """Yield the parameters that set the steps at which a stage (from 0) ended."""
    ends = {
        trial.number: stages.ended_at[stage]
        for trial in trials
        if (stages := Stages.recorded_of(trial)) and stage < len(stages.ended_at)
        if value_of(trial) is not None
    }
    reached = [trial for trial in trials if trial.number in ends]
    if len(set(ends.values())) < 2:
        return
    for name in dict.fromkeys(name for trial in reached for name in trial.params):
        pairs = [
            (trial.params[name], ends[trial.number]) for trial in reached if name in trial.params
        ]
        if len(pairs) == len(reached) and _decides(pairs):
            yield name


def _decides(pairs: Sequence[tuple[Any, int]]) -> bool:
    """Return whether a value decides the steps that belong to it.

    Equal values must have equal steps. Numbers must in addition be ordered as the steps are; other
    values must occur more than once.
    """
    values = list(dict.fromkeys(value for value, _ in pairs))
    if len(set(pairs)) > len(values):
        return False
    if all(isinstance(value, int | float) for value in values):
        steps = [step for _, step in sorted(pairs)]
        return steps in (sorted(steps), sorted(steps, reverse=True))
    return len(values) < len(pairs)


def _final(trial: FrozenTrial) -> float | None:
    return metric_of(trial) if trial.state == TrialState.COMPLETE else None
