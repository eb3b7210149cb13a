"""The Optuna study of a sweep: every planned, running or finished trial and its results."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from segue.plan.mode import Mode
from segue.record.attributes import (
    ADOPTED_FROM,
    CONSTRAINTS,
    LINEAGE,
    PAUSED,
    REASON,
    STAGES,
    STAGES_ENDED_BY,
    STEERED,
    STEERING,
    STOP,
    stage_number,
)
from segue.record.stages import Stages
from segue.record.steering import is_added, pause_of, steered_of
from segue.record.study import StudyContent, checked, close_storage, with_steering
from segue.record.trials import is_paused
from segue.tune.search.define_by_run import DefineByRunSpace
from segue.tune.search.domains import SearchSpace
from segue.tune.search.samplers import PICKLED
from segue.tune.study.storage import StudyCopy, disk_storage, refused

Space = SearchSpace | DefineByRunSpace


class StudyRecord:
    """A study on disk, of which the driver is the only writer, and its copy in memory, from which
    everything is read.

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
        """Open the study `name` in a SQLite file or another storage, or create it.

        `further` are the modes of further objectives. `upload` is called when a trial has started
        or ended, and before a decision reaches a trial: the change is then on the disk. Raises
        ValueError when the file is not a study, or a damaged one.
        """
        self._space = space
        self._upload = upload
        shown = str(where) if isinstance(where, Path) else f"The study {name!r}"
        storage = disk_storage(where) if isinstance(where, Path) else where
        try:
            self._disk = StudyCopy(storage, name, [mode, *further])
            self._memory = StudyCopy(InMemoryStorage(), name, [mode, *further])
            self._memory.study.add_trials(self._sound_trials())
            self._steering = self._sound_steering()
        except Exception as error:  # of Optuna or SQLAlchemy, for a damaged study
            close_storage(storage)
            raise refused(shown, error) from error
        self.adopted = sum(ADOPTED_FROM in trial.user_attrs for trial in self._all)
        self.added = [trial.number for trial in self.trials if is_added(trial)]
        """The numbers of the trials that people have added, in order."""
        self._finish_stopped()
        self._finish_pauses()

    def name_objectives(self, names: Sequence[str]) -> None:
        """Record the names of the metric and the further objectives, for Optuna's tools."""
        self._disk.name_objectives(names)

    def close(self) -> None:
        """Let go of the file, which then holds everything: SQLite's log beside it is merged into
        it.
        """
        storage = self._disk.storage
        assert isinstance(storage, RDBStorage)
        close_storage(storage)

    def _sound_trials(self) -> tuple[FrozenTrial, ...]:
        """Return the trials on disk; raise ValueError for a damaged one, which is left as it is."""
        content = checked(self._disk.study.get_trials(deepcopy=False), None)
        numbers = [trial.number for trial in content.trials]
        if content.problems or numbers != list(range(len(numbers))):
            raise ValueError(next(iter(content.problems), "the number of a trial is missing"))
        for trial in content.trials:
            if isinstance(self._space, SearchSpace) and ADOPTED_FROM not in trial.user_attrs:
                self._space.parameters(trial.params)  # raises ValueError for other parameters
        return content.trials

    def _sound_steering(self) -> list[dict[str, Any]]:
        content = with_steering(StudyContent(()), self._disk.study.user_attrs)
        if content.problems:
            raise ValueError(content.problems[0])
        return list(content.steering)

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its parts when it starts, and never reads them back: the study needs no
        # second record.
        return {}

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def trials(self) -> list[FrozenTrial]:
        """The sweep's own trials in order, not to be changed; the first `adopted` numbers are of
        another study.
        """
        return self._all[self.adopted :]

    def trial(self, number: int) -> FrozenTrial:
        """The trial of that number, not to be changed."""
        return self._all[number]

    @property
    def _all(self) -> list[FrozenTrial]:
        return self._memory.study.get_trials(deepcopy=False)

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

    def numbers(self, *states: TrialState) -> list[int]:
        """The numbers of the trials in one of `states`, in order."""
        return [trial.number for trial in self.trials if trial.state in states]

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

    def add(self, recorded: Mapping[str, Any], request: Mapping[str, Any]) -> int:
        """Record a trial that a person adds as WAITING, with its request; return its number.

        `recorded` is what a study records of its parameters. Raise ValueError where they do not lie
        in the space.
        """
        params, distributions = self._space.normalized(recorded)
        trial = create_trial(
            state=TrialState.WAITING,
            params=params,
            distributions=distributions,
            user_attrs={STEERED: [dict(request)]},
        )
        for copy in (self._disk, self._memory):
            copy.study.add_trial(trial)
        self.added.append(self.adopted + len(self) - 1)
        self._upload()
        return self.added[-1]

    @property
    def own(self) -> int:
        """How many trials the sweep has without those that people have added."""
        return len(self) - len(self.added)

    def steer(self, request: Mapping[str, Any]) -> None:
        """Record a request of a person to the whole sweep, or one that had no effect."""
        steering = [*self._steering, dict(request)]
        self._disk.annotate_study(STEERING, steering)
        self._steering = steering
        self._upload()

    @property
    def pause_request(self) -> Mapping[str, Any] | None:
        """The request that paused the sweep; None of one that is not paused."""
        return pause_of(self._steering)

    @property
    def requests(self) -> set[str]:
        """The names of all requests that the study records."""
        of_trials = (each["request"] for trial in self.trials for each in steered_of(trial))
        return {each["request"] for each in self._steering} | set(of_trials)

    def steered_by(self, number: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attribute of a trial that records one more request of a person."""
        return {STEERED: [*steered_of(self.trial(number)), dict(request)]}

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

    def draw(
        self, draw: Callable[[str, BaseDistribution], Any]
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """Return the recorded parameters of a point whose values `draw` returns."""
        return self._space.drawn(draw)

    def parameters(self, number: int) -> dict[str, Any]:
        """The keyword arguments of the pipeline function for a trial."""
        return self._space.parameters(self.trial(number).params)

    def has_verdict(self, number: int, step: int) -> bool:
        """Whether the trial has a verdict at `step` or later."""
        return max(self.trial(number).intermediate_values, default=-1) >= step

    def record_stages(self, number: int, stages: Stages) -> None:
        """Record where the trial's stages ended so far; before the value of a report, which it is
        part of.
        """
        if self.stages(number) != stages:
            self._annotate(number, {STAGES: stages.recorded()})

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

    def recorded(self, number: int) -> dict[str, Any]:
        """What the study has of the parameters with which the trial trains now."""
        lineage = self.trial(number).user_attrs.get(LINEAGE)
        return dict(lineage[-1]["parameters"]) if lineage else dict(self.trial(number).params)

    def trained_with(self, number: int) -> dict[str, Any]:
        """The keyword arguments of the pipeline function with which the trial trains now."""
        return self._space.parameters(self.recorded(number))

    def record_stage_end(
        self, number: int, stage: int, by: str, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Record that a scheduler or a person ended a stage of the trial, and why, with further
        attributes; the first time stands.
        """
        ended = {str(stage_number(stage)): by, **self.stages_ended_by(number)}
        self._annotate(number, {**(attributes or {}), STAGES_ENDED_BY: ended})
        self._upload()

    def stages_ended_by(self, number: int) -> dict[str, str]:
        """Which stages of the trial a scheduler ended, by their numbers from 1, and why."""
        return dict(self.trial(number).user_attrs.get(STAGES_ENDED_BY, {}))

    def stages(self, number: int) -> Stages | None:
        """Where the trial's stages ended so far; None before its first report."""
        return Stages.recorded_of(self.trial(number))

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

    def is_paused(self, number: int) -> bool:
        """Whether the trial is paused."""
        return is_paused(self.trial(number))

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

    def _annotate(self, number: int, attributes: Mapping[str, Any]) -> None:
        for copy in (self._disk, self._memory):
            copy.annotate(number, attributes)

    def _set_state(
        self, number: int, state: TrialState, values: Sequence[float] | None = None
    ) -> None:
        for copy in (self._disk, self._memory):
            copy.set_state(number, state, values)
        self._upload()

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
