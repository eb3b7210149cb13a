"""The progress of a running sweep: its trials, steps, speed and the time left."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from segue.plan.sweeps.sweep import Sweep
from segue.record.row import ENV_STEPS, REPLAYED, STAGE, TOTAL_ENV_STEPS, Row
from segue.record.study import attributes
from segue.record.study.ranking import best_complete
from segue.record.study.trials import PAUSED, trial_state
from segue.tune.ray_adapter import TrialObserver
from segue.tune.searcher.budget import Budget
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import OUT_OF_MEMORY

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass
class TrialProgress:
    """The progress of a running trial."""

    number: int
    stage: int = 0
    env_steps: int = 0  # of each member
    steps: int = 0  # of all members
    steps_before: int = 0  # of all members, in earlier runs
    metric: float | None = None


class Board(TrialObserver):
    """Follows what running trials report; everything else is read from the study.

    It is registered with Tune before the observers that read it.
    """

    def __init__(
        self,
        record: StudyRecord,
        sweep: Sweep,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.record = record
        self.sweep = sweep
        self.budget = budget
        self._clock = clock
        self._first_start: float | None = None
        self._trained = 0  # steps of trials that no longer run, all members
        self.running: dict[int, TrialProgress] = {}

    def started(self, number: int) -> None:
        """Add a trial that starts, or that starts again after its worker was lost."""
        self._first_start = self._first_start or self._clock()
        self._remove(number)
        self.running[number] = TrialProgress(number)

    def reported(self, number: int, row: Row) -> None:
        """Update a trial's progress, unless it reports that it has to be started again."""
        if OUT_OF_MEMORY in row:
            return
        progress = self.running[number]
        progress.env_steps = row.get(ENV_STEPS, progress.env_steps)
        progress.steps = row.get(TOTAL_ENV_STEPS, progress.steps)
        if row.get(REPLAYED):
            progress.steps_before = progress.steps
        progress.stage = row.get(STAGE, progress.stage)
        progress.metric = row[self.sweep.metric]

    def ended(self, number: int) -> None:
        """Remove a trial that has ended; its steps still count."""
        self._remove(number)

    @property
    def counts(self) -> Counter[str]:
        """Number of trials by state, such as `running`."""
        return Counter(trial_state(trial, is_driven=True) for trial in self.record.trials)

    @property
    def done(self) -> int:
        """Number of finished trials, regardless of how they ended."""
        return len(self.record.numbers(*FINISHED))

    @property
    def total(self) -> int:
        """Number of trials of the sweep, with those that people have added."""
        return self.budget.trials + len(self.record.added)

    @property
    def waiting(self) -> int:
        """Number of trials that have not started, also of those that are yet to be proposed."""
        return max(self.unfinished - len(self.running) - self.counts[PAUSED], 0)

    @property
    def unfinished(self) -> int:
        """Number of trials that run, are paused or wait."""
        return max(self.total - self.done, 0)

    @property
    def best(self) -> FrozenTrial | None:
        """The best trial that ran to its end, within all constraints if any trial is."""
        return best_complete(self.record.trials, self.sweep.mode)

    @property
    def seconds(self) -> float:
        """Seconds since the first trial of this run started."""
        return 0.0 if self._first_start is None else self._clock() - self._first_start

    @property
    def steps(self) -> int:
        """Environment steps trained in this run, by all trials and members."""
        return self._trained + sum(
            progress.steps - progress.steps_before for progress in self.running.values()
        )

    @property
    def spent(self) -> int:
        """Environment steps of the sweep so far, with earlier runs, stopped and failed trials."""
        return self.budget.spent(self.record)

    @property
    def steps_per_second(self) -> float:
        """Environment steps per second since the first trial of this run started."""
        return self.steps / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the sweep ends, None before the first report.

        The estimate uses the mean length of the trials so far, with stopped ones. It is at most
        what is left of the budgets of steps and of time.
        """
        if not self.steps_per_second:
            return None
        running = sum(
            max(self.budget.full_run - progress.steps, 0) for progress in self.running.values()
        )
        steps = running + (self.unfinished - len(self.running)) * self._mean_steps()
        if self.budget.env_steps is not None:
            steps = min(steps, max(self.budget.env_steps - self.spent, 0))
        left = steps / self.steps_per_second
        if self.sweep.time_budget_s is not None:
            left = min(left, max(self.sweep.time_budget_s - self.seconds, 0.0))
        return left

    def _mean_steps(self) -> float:
        lengths = [
            trial.user_attrs[attributes.ENV_STEPS] * self.sweep.seeds
            for trial in self.record.trials
            if trial.state in FINISHED and attributes.ENV_STEPS in trial.user_attrs
        ]
        return sum(lengths) / len(lengths) if lengths else self.budget.full_run

    def _remove(self, number: int) -> None:
        progress = self.running.pop(number, None)
        if progress:
            self._trained += progress.steps - progress.steps_before
