"""Where a running sweep stands: its trials, steps and the time left, as numbers."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from segue.plan.sweeps.sweep import Sweep
from segue.tune.ray_adapter import TrialObserver
from segue.tune.study.budget import Budget
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import OUT_OF_MEMORY

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass
class Standing:
    """A trial that runs now."""

    number: int
    stage: int = 0
    env_steps: int = 0  # of a member
    steps: int = 0  # of all members
    steps_before: int = 0  # of earlier runs
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
        self._started: float | None = None
        self._trained = 0
        self.running: dict[int, Standing] = {}

    def started(self, number: int) -> None:
        """Add a trial that starts, or that starts again after its worker was lost."""
        self._started = self._started or self._clock()
        self._remove(number)
        self.running[number] = Standing(number)

    def reported(self, number: int, row: Mapping[str, Any]) -> None:
        """Note where a trial stands, unless it reports that it has to be started again."""
        if OUT_OF_MEMORY in row:
            return
        standing = self.running[number]
        standing.env_steps = row.get("env_steps", standing.env_steps)
        standing.steps = row.get("total_env_steps", standing.steps)
        if row.get("replayed"):
            standing.steps_before = standing.steps
        standing.stage = row.get("stage", standing.stage)
        standing.metric = row[self.sweep.metric]

    def ended(self, number: int) -> None:
        """Remove a trial that has ended, and keep count of its steps."""
        self._remove(number)

    @property
    def counts(self) -> Counter[str]:
        """How many trials are in which state, by its lower-case name."""
        return Counter(trial.state.name.lower() for trial in self.record.trials)

    @property
    def done(self) -> int:
        """How many trials are finished, however they ended."""
        return len(self.record.numbers(*FINISHED))

    @property
    def best(self) -> FrozenTrial | None:
        """The best trial that ran to its end, one that keeps all constraints if there is any."""
        ended = [
            trial
            for trial in self.record.trials
            if trial.state == TrialState.COMPLETE and trial.values
        ]
        allowed = [
            trial
            for trial in ended
            if all(told <= 0 for told in trial.user_attrs.get("constraints", {}).values())
        ]
        sign = 1 if self.sweep.mode == "max" else -1
        return max(allowed or ended, key=lambda trial: sign * trial.values[0], default=None)

    @property
    def seconds(self) -> float:
        """Since the first trial of this run started."""
        return self._clock() - self._started if self._started is not None else 0.0

    @property
    def steps(self) -> int:
        """Environment steps trained in this run, over all trials and members."""
        return self._trained + sum(
            standing.steps - standing.steps_before for standing in self.running.values()
        )

    @property
    def spent(self) -> int:
        """Environment steps of the whole sweep so far, earlier runs, stopped and failed trials
        included.
        """
        return self.budget.spent(self.record)

    @property
    def steps_per_second(self) -> float:
        """Since the first trial of this run started."""
        return self.steps / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated with the mean length of the trials so far, stopped ones included; None while
        nothing is known.
        """
        if not self.steps_per_second:
            return None
        running = sum(
            max(self.budget.full_run - standing.steps, 0) for standing in self.running.values()
        )
        waiting = max(self.budget.trials - self.done - len(self.running), 0)
        return (running + waiting * self._mean_steps()) / self.steps_per_second

    def _mean_steps(self) -> float:
        lengths = [
            trial.user_attrs["env_steps"] * self.sweep.seeds
            for trial in self.record.trials
            if trial.state in FINISHED and "env_steps" in trial.user_attrs
        ]
        return sum(lengths) / len(lengths) if lengths else self.budget.full_run

    def _remove(self, number: int) -> None:
        standing = self.running.pop(number, None)
        if standing:
            self._trained += standing.steps - standing.steps_before
