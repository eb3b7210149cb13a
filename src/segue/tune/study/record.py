"""The Optuna study of a sweep: every planned, running or finished trial and its results."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from segue.plan.mode import Mode
from segue.record.study.attributes import (
    ADOPTED_FROM,
    CONSTRAINTS,
    ENV_STEPS,
    FORKED_FROM,
    LINEAGE,
    PAUSED,
    REASON,
    STAGES,
    STAGES_ENDED_BY,
    STOP,
    stage_number,
)
from segue.record.study.stages import Stages
from segue.tune.search.samplers import PICKLED
from segue.tune.study.open_study import Space
from segue.tune.study.steered_study import SteeredStudy


class StudyRecord(SteeredStudy):
    """The study of a sweep on disk, of which the driver is the only writer.

    Everything is read from its copy in memory.

    A verdict is written in an order that leaves no doubt after a kill between any two writes:

    - the trial continues: its intermediate value;
    - it is paused: the mark `paused`, its intermediate value;
    - it is stopped: the mark `stop`, its intermediate value, its state PRUNED;
    - it has ended: its intermediate value, its state COMPLETE.

    So on opening, a RUNNING trial with the mark was stopped and is finished here; one without it is
    to be continued, and the steps that have a value have a verdict. User attributes go before the
    state: Optuna freezes what is finished.
    """

    def __init__(
        self,
        where: Path | RDBStorage,
        name: str,
        mode: Mode,
        space: Space,
        further: Sequence[Mode] = (),
        upload: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the study as `OpenStudy` does, and finish what a kill interrupted."""
        super().__init__(where, name, mode, space, further, upload)
        self._finish_stopped()
        self._finish_pauses()

    def adopt(self, trials: Iterable[FrozenTrial], source: str) -> int:
        """Take over those finished trials of another study that lie in this space, for the samplers
        to learn from.

        They stand before the sweep's own, marked with where they come from, and count for nothing
        else. Returns how many. Raises ValueError once the sweep has trials of its own.
        """
        if self.trials:
            raise ValueError(
                "A sweep with trials cannot be warm-started: start from scratch with --fresh."
            )
        fitting = [
            trial for trial in trials if trial.state == TrialState.COMPLETE and self._fits(trial)
        ]
        for trial in fitting:
            taken = create_trial(
                values=trial.values,
                params=trial.params,
                distributions=trial.distributions,
                intermediate_values=trial.intermediate_values,
                user_attrs={**trial.user_attrs, ADOPTED_FROM: f"{source}#{trial.number}"},
            )
            for copy in (self._disk, self._memory):
                copy.study.add_trial(taken)
        self.adopted += len(fitting)
        return len(fitting)

    def _fits(self, trial: FrozenTrial) -> bool:
        if len(trial.values) != len(self._memory.study.directions):
            return False
        try:
            params, distributions = self._space.normalized(trial.params)
        except (ValueError, KeyError):
            return False
        return params == trial.params and distributions == trial.distributions

    def plan(self, points: Iterable[Mapping[str, Any]]) -> None:
        """Record those of the `points` that are not recorded yet as WAITING, in order."""
        known = {_key(trial.params) for trial in self.trials}
        for point in points:
            params, distributions = self._space.recorded(point)
            if _key(params) not in known:
                known.add(_key(params))
                trial = create_trial(
                    state=TrialState.WAITING, params=params, distributions=distributions
                )
                self._disk.study.add_trial(trial)
                self._memory.study.add_trial(trial)

    def begin(self, number: int) -> None:
        """Record that a WAITING trial starts."""
        self._set_state(number, TrialState.RUNNING)

    def propose(self, sampler: BaseSampler) -> int:
        """Let `sampler` propose a new trial, which starts; returns its number.

        One transaction: a kill leaves a whole trial or none.
        """
        self._memory.study.sampler = sampler
        number = self._space.ask(self._memory.study).number
        proposed = self.trial(number)
        self._disk.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=proposed.params,
                distributions=proposed.distributions,
                system_attrs={
                    k: v for k, v in proposed.system_attrs.items() if not k.startswith(PICKLED)
                },
            )
        )
        self._upload()
        return number

    def begin_at(
        self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
    ) -> int:
        """Record a new trial with these recorded parameters, which starts; return its number."""
        trial = create_trial(
            state=TrialState.RUNNING, params=dict(params), distributions=dict(distributions)
        )
        for copy in (self._disk, self._memory):
            copy.study.add_trial(trial)
        self._upload()
        return self.adopted + len(self) - 1

    def record_stages(self, number: int, stages: Stages) -> None:
        """Record where the trial's stages ended so far; before the value of a report, which it is
        part of.
        """
        if self.stages(number) != stages:
            self._annotate(number, {STAGES: stages.recorded()})

    def record_fork(self, number: int, fork: Mapping[str, Any]) -> None:
        """Record what a trial has adopted from another one: which `trial`, and until how many
        `env_steps` of one member and `total_env_steps` of all; before the report's value.
        """
        known = self.trial(number).user_attrs.get(FORKED_FROM)
        if known is None or known[ENV_STEPS] < fork[ENV_STEPS]:
            self._annotate(number, {FORKED_FROM: dict(fork)})

    def record_exploit(
        self, number: int, step: int, donor: int, recorded: Mapping[str, Any]
    ) -> None:
        """Record that the trial resumes from another one's checkpoint at `step`, with other
        parameters.
        """
        known = self.trial(number).user_attrs.get(LINEAGE, [])
        self._annotate(
            number, {LINEAGE: [*known, {"at": step, "from": donor, "parameters": dict(recorded)}]}
        )
        self._upload()

    def record_stage_end(
        self, number: int, stage: int, by: str, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Record that a stage of the trial ends, and why.

        A person's decision, which has further `attributes`, replaces one that is recorded already;
        a scheduler's does not.
        """
        now, known = {str(stage_number(stage)): by}, self.stages_ended_by(number)
        ended = known | now if attributes else now | known
        self._annotate(number, {**(attributes or {}), STAGES_ENDED_BY: ended})
        self._upload()

    def report(self, number: int, step: int, value: float) -> None:
        """Record that the trial continues after its report at `step` environment steps."""
        if not self.has_verdict(number, step):
            for copy in (self._disk, self._memory):
                copy.report(number, step, value)

    def stop(self, number: int, step: int, value: float, attributes: Mapping[str, Any]) -> None:
        """Record that the scheduler stopped the trial at `step`: PRUNED."""
        self._annotate(number, {**attributes, STOP: {"step": step, "value": value}})
        self._finish_stop(number)

    def pause(self, number: int, step: int, value: float, attributes: Mapping[str, Any]) -> None:
        """Record that the trial is paused at its report at `step`: it stays RUNNING, with a mark.

        The mark comes first: a kill after it leaves a trial that is paused.
        """
        self._annotate(number, {**attributes, PAUSED: {"step": step, "value": value}})
        self.report(number, step, value)

    def resume(self, number: int, attributes: Mapping[str, Any]) -> None:
        """Record that a paused trial continues."""
        self._annotate(number, {**attributes, PAUSED: None})
        self._upload()

    def complete(
        self,
        number: int,
        step: int | None,
        values: float | Sequence[float],
        attributes: Mapping[str, Any],
    ) -> None:
        """The trial's pipeline ran to its end: COMPLETE, with the metric and the values of further
        objectives.
        """
        each = list(values) if isinstance(values, Sequence) else [values]
        self._annotate(number, attributes)
        if step is not None:
            self.report(number, step, each[0])
        self._set_state(number, TrialState.COMPLETE, each)

    def constrain(self, number: int, constraints: Mapping[str, float]) -> None:
        """Record the values of the constraints, for people and Optuna; before the trial ends."""
        self._annotate(number, {CONSTRAINTS: dict(constraints)})
        for copy in (self._disk, self._memory):
            for name, value in constraints.items():
                copy.constrain(number, name, value)

    def fail(self, number: int, reason: str, attributes: Mapping[str, Any]) -> None:
        """Record that the trial failed: FAIL."""
        self._annotate(number, {**attributes, REASON: reason})
        self._set_state(number, TrialState.FAIL)

    def _finish_stopped(self) -> None:
        for number in self.numbers(TrialState.RUNNING):
            if STOP in self.trial(number).user_attrs:
                self._finish_stop(number)

    def _finish_pauses(self) -> None:
        for number in filter(self.is_paused, self.numbers(TrialState.RUNNING)):
            mark = self.trial(number).user_attrs[PAUSED]
            self.report(number, mark["step"], mark["value"])

    def _finish_stop(self, number: int) -> None:
        mark = self.trial(number).user_attrs[STOP]
        self.report(number, mark["step"], mark["value"])
        has_one = len(self._memory.study.directions) == 1  # several need a value each
        self._set_state(number, TrialState.PRUNED, [mark["value"]] if has_one else None)


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True)
