"""The trials as a study in memory, for Optuna's plots: names are escaped there, since plots read
them as HTML.
"""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from segue.report.data.summary import Summary


def shown_study(summary: Summary, value_of: Callable[[FrozenTrial], float | None]) -> optuna.Study:
    """A study of the trials to which `value_of` gives a value, each complete with that; numbered
    anew, in order.
    """
    study = optuna.create_study(direction="maximize" if summary.mode == "max" else "minimize")
    study.add_trials(
        _shown(trial, value) for trial in summary.trials if (value := value_of(trial)) is not None
    )
    return study


def distributions(trials: Iterable[FrozenTrial]) -> dict[str, BaseDistribution]:
    """The range of each parameter that was proposed in more than one way, by name."""
    known: dict[str, BaseDistribution] = {}
    for trial in trials:
        known.update(trial.distributions)
    return {name: distribution for name, distribution in known.items() if not distribution.single()}


def _shown(trial: FrozenTrial, value: float) -> FrozenTrial:
    return create_trial(
        state=TrialState.COMPLETE,
        value=value,
        params={_text(name): _text(chosen) for name, chosen in trial.params.items()},
        distributions={_text(name): _plain(kind) for name, kind in trial.distributions.items()},
        user_attrs={"trial": trial.number},
    )


def _plain(distribution: BaseDistribution) -> BaseDistribution:
    if isinstance(distribution, CategoricalDistribution):
        return CategoricalDistribution([_text(choice) for choice in distribution.choices])
    return distribution


def _text(value: Any) -> Any:
    return escape(value) if isinstance(value, str) else value


def metric_at_stage_end(trial: FrozenTrial, stage: int) -> float | None:
    """What a trial had when the stage ended, from 0; None where it did not come so far."""
    stages: Mapping[str, Any] = trial.user_attrs.get("stages") or {}
    ended: list[int] = stages.get("ended_at", [])
    return trial.intermediate_values.get(ended[stage]) if stage < len(ended) else None
