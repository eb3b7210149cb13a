"""The trials of a study in the form in which Tune would schedule them one by one.

A sweep's scheduler, searcher and observers are notified in Tune's order.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from segue.record.row import Row
from segue.tune.ray_adapter import TrialObserver, TuneController
from segue.tune.verdicts import has_ended, has_failed

ASK_AGAIN_SECONDS = 5.0  # until a searcher is called again although nothing has happened


@dataclass(eq=False)
class AssignedTrial:
    """A trial of the study that is being trained, as Tune's schedulers know trials."""

    trial_id: str
    config: Mapping[str, Any]
    """The study's number of the trial and its recorded parameters."""
    status: str = "RUNNING"
    error: Exception | None = field(default=None, repr=False)
    """Why its worker was lost the last time."""

    @property
    def number(self) -> int:
        """The trial's number in the study."""
        return int(self.config["trial"])

    def get_error(self) -> Exception | None:
        """Return why its worker was lost the last time."""
        return self.error


class StudySide:
    """The sweep's scheduler, searcher and observers, which see trials rather than workers."""

    def __init__(
        self, scheduler: TrialScheduler, searcher: Searcher, observers: Sequence[TrialObserver]
    ) -> None:
        self._scheduler = scheduler
        self._searcher = searcher
        self._observers = observers
        self._identifiers = count()
        self._asked: float | None = None  # when there was nothing to train
        self.is_finished = False
        """Whether the searcher has no further trial."""

    def next(self) -> AssignedTrial | None:
        """Return the next trial, None if there is none, or not yet."""
        if self.is_finished or not self._may_ask():
            return None
        identifier = str(next(self._identifiers))
        suggested = self._searcher.suggest(identifier)
        self.is_finished = suggested == Searcher.FINISHED
        if suggested is None or self.is_finished:
            self._asked = time.monotonic()
            return None
        return AssignedTrial(identifier, suggested)

    def start(self, controller: TuneController, trial: AssignedTrial) -> None:
        """Notify everyone that a trial starts, or starts again in another process."""
        self._scheduler.on_trial_add(controller, trial)
        for observer in self._observers:
            observer.started(trial.number)

    def report(self, controller: TuneController, trial: AssignedTrial, row: Row) -> bool:
        """Let everyone process a report of a trial; return whether the trial ends with it."""
        self._asked = None
        decision = self._scheduler.on_trial_result(controller, trial, row)
        ends = decision == TrialScheduler.STOP or has_ended(row)
        if not ends:
            self._searcher.on_trial_result(trial.trial_id, row)
        for observer in self._observers:
            observer.reported(trial.number, row)
        if ends:
            self._scheduler.on_trial_complete(controller, trial, row)
            self._searcher.on_trial_complete(trial.trial_id, row)
            self._ended(trial)
        return ends

    def restart(self, trial: AssignedTrial, row: Row) -> None:
        """Notify the observers of a failure after which the trial is started again."""
        assert has_failed(row)
        for observer in self._observers:
            observer.reported(trial.number, row)

    def lost(self, controller: TuneController, trial: AssignedTrial, *, for_good: bool) -> None:
        """Notify the scheduler that the trial's worker was lost; `for_good`: the trial failed."""
        self._asked = None
        self._scheduler.on_trial_error(controller, trial)
        if for_good:
            self._searcher.on_trial_complete(trial.trial_id, error=True)
            self._ended(trial)

    def _ended(self, trial: AssignedTrial) -> None:
        for observer in self._observers:
            observer.ended(trial.number)

    def _may_ask(self) -> bool:
        return self._asked is None or time.monotonic() - self._asked > ASK_AGAIN_SECONDS
