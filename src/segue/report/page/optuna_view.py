"""The trials as an in-memory study for Optuna's plots.

Names and text values are escaped, since Plotly reads them as HTML.
"""

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from segue.record.attributes import COPY_OF
from segue.record.stages import Stages
from segue.report.data.summary import Summary


def plot_study(summary: Summary, value_of: Callable[[FrozenTrial], float | None]) -> optuna.Study:
    """Return a study of the trials for which `value_of` returns a value, without copies of others.

    Each of them is complete with that value, and they are numbered consecutively.
    """
    study = optuna.create_study(direction="maximize" if summary.mode == "max" else "minimize")
    study.add_trials(
        _plot_trial(trial, value)
        for trial in summary.trials
        if COPY_OF not in trial.user_attrs and (value := value_of(trial)) is not None
    )
    return study


def distributions(trials: Iterable[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Return the distributions of the parameters that have more than one value, by name."""
    known: dict[str, BaseDistribution] = {}
    for trial in trials:
        known.update(trial.distributions)
    return {name: distribution for name, distribution in known.items() if not distribution.single()}


def _plot_trial(trial: FrozenTrial, value: float) -> FrozenTrial:
    return create_trial(
        state=TrialState.COMPLETE,
        value=value,
        params={_text(name): _text(chosen) for name, chosen in trial.params.items()},
        distributions={_text(name): _escaped(kind) for name, kind in trial.distributions.items()},
        user_attrs={"trial": trial.number},
    )


def _escaped(distribution: BaseDistribution) -> BaseDistribution:
    if isinstance(distribution, CategoricalDistribution):
        return CategoricalDistribution([_text(choice) for choice in distribution.choices])
    return distribution


def _text(value: Any) -> Any:
    return escape(value) if isinstance(value, str) else value


def metric_at_stage_end(trial: FrozenTrial, stage: int) -> float | None:
    """Return the metric at the end of a stage (from 0), or None if the trial did not reach it."""
    stages = Stages.recorded_of(trial)
    ended = stages.ended_at if stages else ()
    return trial.intermediate_values.get(ended[stage]) if stage < len(ended) else None
