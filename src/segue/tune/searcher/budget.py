"""Limits of a sweep: its number of trials, its environment steps, and a sufficient metric."""

import math
from dataclasses import dataclass, field

from optuna.trial import FrozenTrial, TrialState

from segue.plan.sweeps.sweep import Sweep
from segue.record.study.attributes import COPY_OF, FORKED_FROM, TOTAL_ENV_STEPS
from segue.tune.study.record import StudyRecord


@dataclass
class Budget:
    """The limits of a sweep. A trial is started only if a full run fits into `env_steps`.

    `full_run` counts the steps of the longest trial over all its members. The steps spent include
    those of stopped and failed trials.
    """

    trials: int
    full_run: int = 0
    env_steps: int | None = None
    target: float | None = None
    mode: str = "max"
    _running: dict[int, int] = field(default_factory=dict)  # trial -> its steps so far

    @classmethod
    def of(cls, sweep: Sweep, trials: int, full_run: int) -> "Budget":
        """Return the budget of a sweep whose longest trial takes `full_run` steps."""
        return cls(trials, full_run, sweep.max_env_steps, sweep.target, sweep.mode)

    def begin(self, trial: FrozenTrial, seeds: int) -> None:
        """Count a trial that starts or resumes."""
        self._running[trial.number] = (trial.last_step or 0) * seeds

    def advance(self, number: int, steps: int) -> None:
        """Count the `steps` that a trial has reported, over all its members."""
        self._running[number] = max(steps, self._running.get(number, 0))

    def end(self, number: int) -> None:
        """Stop counting a trial that has ended; the study records what it spent."""
        self._running.pop(number, None)

    def spent(self, record: StudyRecord) -> int:
        """Return the environment steps so far, of all trials, without adopted ones."""
        trials = record.trials
        others = sum(  # ended and paused ones
            int(trial.user_attrs.get(TOTAL_ENV_STEPS, 0))
            for trial in trials
            if trial.number not in self._running
        )
        adopted = sum(
            int(trial.user_attrs[FORKED_FROM][TOTAL_ENV_STEPS])
            for trial in trials
            if FORKED_FROM in trial.user_attrs and COPY_OF not in trial.user_attrs
        )
        return others + sum(self._running.values()) - adopted

    def allows_another(self, record: StudyRecord) -> bool:
        """Return whether the remaining steps suffice for another full run.

        The steps that the running trials may still take are reserved.
        """
        return self.room(record) >= self.full_run

    def room(self, record: StudyRecord, without: int | None = None) -> float:
        """Return the remaining steps that are not reserved for running trials.

        Nothing is reserved for the trial `without`. Infinite without a limit of steps.
        """
        if self.env_steps is None:
            return math.inf
        reserved = sum(
            max(self.full_run - steps, 0)
            for number, steps in self._running.items()
            if number != without
        )
        return self.env_steps - self.spent(record) - reserved

    def may_allow_another(self, record: StudyRecord) -> bool:
        """Return whether another trial may be possible once running trials have ended early."""
        return bool(self._running) and not self.allows_another(record)

    def reached_by(self, record: StudyRecord) -> int | None:
        """Return the number of the first trial that ended with the target, or None."""
        if self.target is None:
            return None
        return next((trial.number for trial in record.trials if self._is_good_enough(trial)), None)

    def is_spent(self, record: StudyRecord) -> bool:
        """Return whether no further trial may start."""
        return self.reached_by(record) is not None or not self.allows_another(record)

    def _is_good_enough(self, trial: FrozenTrial) -> bool:
        if trial.state != TrialState.COMPLETE or not trial.values or self.target is None:
            return False
        found = float(trial.values[0])
        return found >= self.target if self.mode == "max" else found <= self.target
