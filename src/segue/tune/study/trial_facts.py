"""What is told of a trial outside of the study: one value for every service that shows trials."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from segue.plan.sweeps.sweep import Sweep
from segue.plan.values.describe import describe
from segue.record.attributes import ENV_STEPS, REASON, STOPPED_BY, objective_names
from segue.tune.study.record import StudyRecord

RUNNING, COMPLETE, PRUNED, FAILED = "running", "complete", "pruned", "failed"
_STATES = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED, TrialState.FAIL: FAILED}


@dataclass(frozen=True)
class TrialFacts:
    """A trial as it stands: the parameters with which it trains, how it ended, and what it came to.

    Parameters are numbers, texts, True or False. `values` has the metric and further objectives by
    name, none of a trial that failed or that runs. `started` and `ended` are seconds since 1970.
    """

    number: int
    state: str
    parameters: Mapping[str, Any]
    values: Mapping[str, float]
    env_steps: int
    reason: str | None
    started: float
    ended: float

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state != RUNNING


def facts_of(record: StudyRecord, sweep: Sweep, number: int) -> TrialFacts:
    """What the study says of a trial."""
    trial = record.trial(number)
    told = trial.user_attrs
    return TrialFacts(
        number=number,
        state=_STATES.get(trial.state, RUNNING),
        parameters={name: plain(value) for name, value in _parameters(record, number).items()},
        values=_values(sweep, trial),
        env_steps=int(told.get(ENV_STEPS, trial.last_step or 0)),
        reason=told.get(REASON) or told.get(STOPPED_BY),
        started=trial.datetime_start.timestamp() if trial.datetime_start else 0.0,
        ended=trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0,
    )


def plain(value: Any) -> int | float | str | bool:
    """A finite number, a text, True or False as it is; anything else as text.

    >>> plain(0.5), plain("relu"), plain([64, 64]), plain(None), plain(float("inf"))
    (0.5, 'relu', '[64, 64]', 'None', 'inf')
    """
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value) if value is None or isinstance(value, float) else json.dumps(describe(value))


def metric_of(trial: FrozenTrial) -> float | None:
    """The metric that a trial ended with, or was stopped with; None where it has none."""
    if trial.values:
        return float(trial.values[0])
    return (
        trial.intermediate_values.get(trial.last_step or 0)
        if trial.state == TrialState.PRUNED
        else None
    )


def _parameters(record: StudyRecord, number: int) -> dict[str, Any]:
    recorded = record.recorded(number)  # labels in place of values that a study cannot hold
    try:
        return record.trained_with(number) | recorded
    except Exception:  # a space that has changed since, which may be any function, does not know the trial any more
        return recorded


def _values(sweep: Sweep, trial: FrozenTrial) -> dict[str, float]:
    if trial.state == TrialState.COMPLETE and trial.values:
        return dict(zip(objective_names(sweep), trial.values, strict=False))
    stopped_with = metric_of(trial) if trial.state == TrialState.PRUNED else None
    return {} if stopped_with is None else {sweep.metric: stopped_with}
