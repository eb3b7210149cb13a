"""A study on disk and its copy in memory: opening it, reading it, and the two writes of a trial."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState

from segue.plan.mode import Mode
from segue.record.study.attributes import ADOPTED_FROM, LINEAGE, STAGES_ENDED_BY
from segue.record.study.content import StudyContent, checked, close_storage, with_steering
from segue.record.study.ranking import is_paused
from segue.record.study.stages import Stages
from segue.record.study.steering import is_added
from segue.tune.search.define_by_run import DefineByRunSpace
from segue.tune.search.domains import SearchSpace
from segue.tune.study.storage import StudyCopy, disk_storage, refused

Space = SearchSpace | DefineByRunSpace


class OpenStudy:
    """A study on disk and its copy in memory, from which everything is read."""

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

    def name_objectives(self, names: Sequence[str]) -> None:
        """Record the names of the metric and the further objectives, for Optuna's tools."""
        self._disk.name_objectives(names)

    def note(self, text: str) -> None:
        """Give the study a note, which optuna-dashboard shows, unless it has one."""
        self._disk.note(text)

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

    def numbers(self, *states: TrialState) -> list[int]:
        """The numbers of the trials in one of `states`, in order."""
        return [trial.number for trial in self.trials if trial.state in states]

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

    def recorded(self, number: int) -> dict[str, Any]:
        """What the study has of the parameters with which the trial trains now."""
        lineage = self.trial(number).user_attrs.get(LINEAGE)
        return dict(lineage[-1]["parameters"]) if lineage else dict(self.trial(number).params)

    def trained_with(self, number: int) -> dict[str, Any]:
        """The keyword arguments of the pipeline function with which the trial trains now."""
        return self._space.parameters(self.recorded(number))

    def stages_ended_by(self, number: int) -> dict[str, str]:
        """Which stages of the trial a scheduler ended, by their numbers from 1, and why."""
        return dict(self.trial(number).user_attrs.get(STAGES_ENDED_BY, {}))

    def stages(self, number: int) -> Stages | None:
        """Where the trial's stages ended so far; None before its first report."""
        return Stages.recorded_of(self.trial(number))

    def is_paused(self, number: int) -> bool:
        """Whether the trial is paused."""
        return is_paused(self.trial(number))

    def _annotate(self, number: int, attributes: Mapping[str, Any]) -> None:
        for copy in (self._disk, self._memory):
            copy.annotate(number, attributes)

    def _set_state(
        self, number: int, state: TrialState, values: Sequence[float] | None = None
    ) -> None:
        for copy in (self._disk, self._memory):
            copy.set_state(number, state, values)
        self._upload()
