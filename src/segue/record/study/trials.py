"""The trials of a study as tables, services and scripts show them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from segue.record.layout import trial_name
from segue.record.row import ENV_STEPS, STAGE_DONE, STAGES, Row
from segue.record.study import attributes
from segue.record.study.ranking import is_paused, metric_of
from segue.record.study.stages import Stages

WAITING = "waiting"
RUNNING = "running"
PAUSED = "paused"
INTERRUPTED = "interrupted"
COMPLETE = "complete"
PRUNED = "pruned"
FAILED = "failed"
_STATES = {
    TrialState.WAITING: WAITING,
    TrialState.RUNNING: RUNNING,
    TrialState.COMPLETE: COMPLETE,
    TrialState.PRUNED: PRUNED,
    TrialState.FAIL: FAILED,
}


@dataclass(frozen=True, kw_only=True)
class TrialSummary:
    """A trial: its parameters, its progress, how it ended, and its values."""

    number: int
    state: str
    """One of `waiting`, `running`, `paused`, `interrupted`, `complete`, `pruned` and `failed`."""
    parameters: Mapping[str, Any]
    metric: float | None = None
    """The metric of the last report; None of a trial that failed or has not reported."""
    values: Mapping[str, float] = field(default_factory=dict)
    """The metric and further objectives by name: all of a complete trial, the metric of a pruned
    one, none otherwise.
    """
    per_seed: Sequence[float] = ()
    """The metric of each seed."""
    env_steps: int = 0
    """Environment steps of one member."""
    total_env_steps: int = 0
    """Environment steps of all members."""
    forked_from: int | None = None
    """The trial that trained the first stages of this one, which both share; None of any other."""
    adopted_env_steps: int = 0
    """Environment steps of all members that `forked_from` has taken in place of this trial."""
    stage: int | None = None
    """Number of the stage, from 1."""
    stages: int | None = None
    """How many stages the trial has."""
    stages_ended_at: Sequence[int] = ()
    """The environment steps of one member at which stages ended."""
    copy_of: int | None = None
    """The earlier trial of the same parameters, if the trial was not trained; None of any other."""
    reason: str | None = None
    """Why the trial failed, was stopped, is paused, or was not trained; None of any other."""
    constraints: Mapping[str, float] = field(default_factory=dict)
    lineage: Sequence[Mapping[str, Any]] = ()
    """From which trials' checkpoints the trial continued, when, and with which parameters."""
    started: datetime | None = None
    ended: datetime | None = None
    damaged: int = 0
    """How many of the reports that were read for this are damaged and were skipped."""
    definitions: Sequence[int] = ()
    """Numbers, from 1, of the definitions under which the trial ran: more than one if the sweep was
    changed in between.
    """

    @property
    def trained_env_steps(self) -> int:
        """Environment steps of all members that this trial itself has taken."""
        return self.total_env_steps - self.adopted_env_steps

    @property
    def has_ended(self) -> bool:
        """Whether the trial is complete, pruned or failed."""
        return self.state in (COMPLETE, PRUNED, FAILED)

    @property
    def reached(self) -> str:
        """The stage that the trial reached, such as "stage 1 of 2"; "" before its first report."""
        if self.stage is None:
            return ""
        return f"stage {self.stage} of {self.stages}" if self.stages else f"stage {self.stage}"

    @property
    def is_allowed(self) -> bool:
        """Whether the trial violates no constraint."""
        return all(value <= 0 for value in self.constraints.values())

    @property
    def trained_with(self) -> dict[str, Any]:
        """The parameters that the trial ended with, which population-based training changes."""
        return dict(self.lineage[-1]["parameters"] if self.lineage else self.parameters)

    @property
    def directory(self) -> str:
        """The trial's directory, relative to the run directory."""
        return trial_name(self.number if self.copy_of is None else self.copy_of)

    @property
    def seconds(self) -> float | None:
        """How long the trial took; None of a trial that has not ended."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None

    @property
    def started_seconds(self) -> float:
        """When the trial started, in seconds since 1970; 0 of a trial that has not started."""
        return self.started.timestamp() if self.started else 0.0

    @property
    def ended_seconds(self) -> float:
        """When the trial ended, in seconds since 1970; 0 of a trial that has not ended."""
        return self.ended.timestamp() if self.ended else 0.0

    def to_dict(self, metric: str) -> dict[str, Any]:
        """Return all of it as plain values, for JSON.

        The value of the metric, those of further objectives, and `<metric>_per_seed` have the
        names of the metric and the objectives. Stages count from 1.
        """
        return {
            "number": self.number,
            "state": self.state,
            metric: self.metric,
            **{name: value for name, value in self.values.items() if name != metric},
            attributes.per_seed(metric): list(self.per_seed),
            attributes.ENV_STEPS: self.env_steps,
            attributes.TOTAL_ENV_STEPS: self.total_env_steps,
            attributes.FORKED_FROM: self.forked_from,
            "adopted_env_steps": self.adopted_env_steps,
            attributes.STAGE: self.stage,
            "stages": self.stages,
            "stages_ended_at": list(self.stages_ended_at),
            "parameters": dict(self.parameters),
            "copy_of": self.copy_of,
            "reason": self.reason,
            "constraints": dict(self.constraints),
            "lineage": [dict(each) for each in self.lineage],
            "started": self.started.isoformat(timespec="seconds") if self.started else None,
            "seconds": self.seconds,
            "definitions": list(self.definitions),
            "directory": self.directory,
        }

    def to_columns(self, metric: str) -> dict[str, Any]:
        """Return one plain value per column, for CSV files and data frames.

        Parameters are columns `params_<name>`, constraints `constraint_<name>`; lists are texts of
        their values, and `lineage` is how many entries it has.
        """
        columns = self.to_dict(metric)
        for name in (attributes.per_seed(metric), "stages_ended_at", "definitions"):
            columns[name] = " ".join(map(str, columns[name]))
        columns["lineage"] = len(self.lineage)
        for name, value in columns.pop("constraints").items():
            columns[f"constraint_{name}"] = value
        for name, value in columns.pop("parameters").items():
            columns[f"params_{name}"] = value
        return columns


def summarize(
    trial: FrozenTrial,
    objectives: Sequence[str],
    *,
    is_driven: bool = True,
    rows: Sequence[Row] = (),
    damaged: int = 0,
) -> TrialSummary:
    """Return the summary of a trial of a study.

    `objectives` are the names of the metric and of further objectives. `rows` are what a trial has
    reported of which the study does not have the end, without `damaged` ones; rows may lack
    entries.
    """
    known = trial.user_attrs
    last = attributes.of_last_report(rows[-1], objectives[0]) if rows else {}
    progress = {**known, **last}  # of a running trial, the study knows its last pause
    fork = {} if attributes.COPY_OF in known else known.get(attributes.FORKED_FROM, {})
    stages = Stages.recorded_of(trial)
    metric = metric_of(trial)
    ends = [row[ENV_STEPS] for row in rows if row.get(STAGE_DONE) is True and ENV_STEPS in row]
    return TrialSummary(
        number=trial.number,
        state=trial_state(trial, is_driven=is_driven),
        parameters=dict(trial.params),
        metric=rows[-1].get(objectives[0]) if metric is None and rows else metric,
        values=_values(trial, objectives),
        per_seed=list(progress.get(attributes.per_seed(objectives[0])) or []),
        env_steps=int(progress.get(attributes.ENV_STEPS) or trial.last_step or 0),
        total_env_steps=int(progress.get(attributes.TOTAL_ENV_STEPS) or 0),
        forked_from=fork.get("trial"),
        adopted_env_steps=int(fork.get(attributes.TOTAL_ENV_STEPS) or 0),
        stage=progress.get(attributes.STAGE),
        stages=stages.of if stages else rows[-1].get(STAGES) if rows else None,
        stages_ended_at=list((stages and stages.ended_at) or ends),
        copy_of=known.get(attributes.COPY_OF),
        reason=known.get(attributes.REASON)
        or known.get(attributes.STOPPED_BY)
        or _paused(trial)
        or _copied(known),
        constraints=dict(known.get(attributes.CONSTRAINTS, {})),
        lineage=list(known.get(attributes.LINEAGE, [])),
        started=trial.datetime_start,
        ended=trial.datetime_complete,
        damaged=damaged,
    )


def trial_state(trial: FrozenTrial, *, is_driven: bool) -> str:
    """Return the state of a trial, such as `running`.

    A trial that has not ended is interrupted if no driver holds the run, unless the search has
    paused it: then it would not train either way.
    """
    if is_paused(trial):
        return PAUSED
    if trial.state == TrialState.RUNNING and not is_driven:
        return INTERRUPTED
    return _STATES[trial.state]


def _paused(trial: FrozenTrial) -> str | None:
    if not is_paused(trial):
        return None
    known = trial.user_attrs
    step = known[attributes.PAUSED]["step"]
    end = known.get(attributes.PREDICTED_END, {}).get("value", math.nan)
    return f"Paused at {step:,} steps; its predicted end is {end:.4g}."


def _copied(known: Mapping[str, Any]) -> str | None:
    original = known.get(attributes.COPY_OF)
    return None if original is None else f"A copy of trial {original}: it has the same parameters."


def _values(trial: FrozenTrial, objectives: Sequence[str]) -> dict[str, float]:
    if trial.state == TrialState.COMPLETE and trial.values:
        return dict(zip(objectives, trial.values, strict=False))
    metric = metric_of(trial)
    return {} if metric is None else {objectives[0]: metric}
