"""Tune's searcher: hands out the trials of the study and records what becomes of them."""

from collections import deque
from typing import Any

from optuna.trial import TrialState
from ray.tune.search import Searcher

from segue.base.checks import finite
from segue.plan.sweeps.objectives import further_values
from segue.plan.sweeps.sweep import Sweep
from segue.record.layout import LOG, trial_name
from segue.record.row import ENV_STEPS, EVALUATION, TOTAL_ENV_STEPS, Row, unflattened
from segue.record.study.attributes import DIRECTORY, LOG_OF_FAILED, STOPPED_BY, of_last_report
from segue.tune.ray_adapter import SweepSearcher
from segue.tune.search.samplers import sampler_for
from segue.tune.searcher.budget import Budget
from segue.tune.searcher.copies import Copies
from segue.tune.searcher.forks import Forks
from segue.tune.searcher.freeze_thaw import FreezeThaw
from segue.tune.searcher.steering import Steering
from segue.tune.study.record import StudyRecord
from segue.tune.verdicts import FAILURE, Verdicts, has_ended, has_failed


def left_to_run(record: StudyRecord, budget: Budget) -> deque[int]:
    """Return the numbers of the recorded trials that are to run, interrupted ones first.

    There are at most `budget` trials in all, without those that people have added.
    """
    added = set(record.added)
    own = [trial.number for trial in record.trials if trial.number not in added]
    planned = set(own[: budget.trials])
    waiting = [number for number in record.numbers(TrialState.WAITING) if number in planned]
    return deque(record.numbers(TrialState.RUNNING) + waiting)


def added_to_run(record: StudyRecord) -> int | None:
    """Return the first trial that a person has added, and that has not started; None of none."""
    waiting = (n for n in record.added if record.trial(n).state == TrialState.WAITING)
    return next(waiting, None)


def interrupted(record: StudyRecord) -> deque[int]:
    """Return the numbers of the recorded trials that were interrupted, and not paused."""
    running = record.numbers(TrialState.RUNNING)
    return deque(number for number in running if not record.is_paused(number))


def is_complete(record: StudyRecord, budget: Budget) -> bool:
    """Return whether the budget is used up and no trial was interrupted."""
    if record.numbers(TrialState.RUNNING):
        return False
    return budget.is_spent(record) or (
        not left_to_run(record, budget)
        and added_to_run(record) is None
        and record.own >= budget.trials
    )


class StudySearcher(SweepSearcher):
    """Passes trials to Tune: interrupted ones, then planned ones, then new ones.

    New trials are proposed as long as `budget` allows. Tune knows a trial by an identifier of its
    own, which ends with the run; the trial's number in the study is in its configuration. Tune does
    not see trials that `copies` records without training. A searcher serves one run, on one thread.
    """

    def __init__(
        self,
        record: StudyRecord,
        sweep: Sweep,
        budget: Budget,
        verdicts: Verdicts,
        copies: Copies | None = None,
        freeze_thaw: FreezeThaw | None = None,
        *,
        search: str | None = None,
        steering: Steering | None = None,
        forks: Forks | None = None,
    ) -> None:
        super().__init__(metric=sweep.metric, mode=sweep.mode)
        self._record = record
        self._sweep = sweep
        self._budget = budget
        self._verdicts = verdicts
        self._copies = copies or Copies(record)
        self._freeze_thaw = freeze_thaw
        self._search = search or sweep.search
        self._steering = steering or Steering(record)
        self._forks = forks or Forks(record)
        # Which paused and planned trials are next, freeze-thaw search decides.
        is_decided = freeze_thaw is not None
        self._line = interrupted(record) if is_decided else left_to_run(record, budget)
        self._numbers: dict[str, int] = {}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: object
    ) -> bool:
        """Return True: the metric and mode are those of the sweep."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the configuration of the next trial, or FINISHED.

        The configuration is `{"trial": number, "recorded": {...}}`, and what the trial shares with
        others. None while it depends on the running trials whether there is a next one, and while
        the sweep is paused.
        """
        self._steering.apply()
        if self._steering.is_paused and not is_complete(self._record, self._budget):
            return None
        number = self._next_to_train()
        if number is None:
            waits = self._copies.are_held or self._must_wait() or self._are_forks_held()
            return None if waits else self._finished()
        self._numbers[trial_id] = number
        recorded = dict(self._record.trial(number).params)
        return {"trial": number, "recorded": recorded, **self._forks.shared(number)}

    def on_trial_result(self, trial_id: str, result: Row) -> None:
        """Record a report of a trial that continues."""
        if has_failed(result):  # the trial is started again
            return
        number = self._numbers[trial_id]
        self._forks.reported(number, result)
        self._budget.advance(number, result.get(TOTAL_ENV_STEPS, 0))
        self._record.report(number, result[ENV_STEPS], result[self._sweep.metric])

    def on_trial_complete(
        self, trial_id: str, result: Row | None = None, error: bool = False
    ) -> None:
        """Record how the trial ended."""
        number = self._numbers.pop(trial_id)
        row = unflattened(result or {})
        directory = trial_name(number)
        attributes = of_last_report(row, self._sweep.metric) | {DIRECTORY: directory}
        self._budget.end(number)
        if row and not error and not has_failed(row):
            self._forks.reported(number, row)
        if number in self._verdicts.paused:
            self._verdicts.paused.remove(number)
            if self._steering.is_paused_trial(number):
                self._line.appendleft(number)
            return
        if self._verdicts.must_end:
            return  # the trial is resumed once the disk, the store and Ray are available again
        reason = self._why_failed(number, row, error) or self._constrain(number, row)
        if reason:
            self._record.fail(number, reason, attributes | {LOG_OF_FAILED: f"{directory}/{LOG}"})
        elif has_ended(row):
            self._record.complete(number, row[ENV_STEPS], self._values(number, row), attributes)
        else:
            attributes[STOPPED_BY] = self._verdicts.stopped[number]
            attributes |= self._steering.of_stop(number, attributes[STOPPED_BY])
            self._record.stop(number, row[ENV_STEPS], row[self._sweep.metric], attributes)
        self._forks.ended(number)

    def _next_to_train(self) -> int | None:
        """Return the next trial whose result is not known yet, and will not be, or None."""
        while True:
            number = self._copies.next_held()
            if number is None and (self._freeze_thaw is not None or not self._must_wait()):
                number = self._next()
            if number is None:
                return None
            self._budget.begin(self._record.trial(number), self._sweep.seeds)
            if self._copies.must_train(number):
                return number
            if self._record.trial(number).state != TrialState.RUNNING:
                self._budget.end(number)

    def _finished(self) -> str:
        if self._freeze_thaw is not None:
            self._freeze_thaw.end()
        return str(Searcher.FINISHED)

    def _must_wait(self) -> bool:
        if self._freeze_thaw is not None:
            return bool(self._numbers) or self._verdicts.must_end
        if self._steering.is_open and self._numbers and self._is_exhausted():
            return True  # a point may be added until the last trial has ended
        interrupted = self._line and self._record.trial(self._line[0]).state == TrialState.RUNNING
        return not interrupted and self._budget.may_allow_another(self._record)

    def _are_forks_held(self) -> bool:
        """Return whether planned trials are left, each held until another one has trained."""
        is_spent = self._budget.is_spent(self._record)
        return bool(self._line) and not is_spent and self._forks.first_of(self._line) is None

    def _is_exhausted(self) -> bool:
        """Return whether only what people may add is left to be tried."""
        return (
            not self._line
            and added_to_run(self._record) is None
            and self._record.own >= self._budget.trials
        )

    def _next(self) -> int | None:
        if self._line and self._record.trial(self._line[0]).state == TrialState.RUNNING:
            return self._line.popleft()
        is_spent = self._budget.is_spent(self._record)
        added = added_to_run(self._record)
        if added is not None and not is_spent:
            self._record.begin(added)
            return added
        if self._freeze_thaw is not None:
            return self._freeze_thaw.next()
        if is_spent:
            return None
        if self._line:
            return self._next_planned()
        if self._record.own >= self._budget.trials:
            return None
        number = len(self._record)
        return self._record.propose(sampler_for(self._search, self._sweep.seed, number))

    def _next_planned(self) -> int | None:
        number = self._forks.first_of(self._line)
        if number is not None:
            self._line.remove(number)
            self._record.begin(number)
        return number

    def _values(self, number: int, row: Row) -> list[float]:
        reported = self._record.trial(number).intermediate_values | {
            row[ENV_STEPS]: row[self._sweep.metric]
        }
        objectives = tuple(self._sweep.objectives)
        further = further_values(objectives, row.get(EVALUATION, {}), reported, self._sweep.mode)
        return [row[self._sweep.metric], *further]

    def _constrain(self, number: int, row: Row) -> str | None:
        """Record the values of the constraints; return why one cannot be computed, if so."""
        found = {}
        for name, constraint in self._sweep.constraints.items():
            try:
                found[name] = finite(f"The constraint {name!r}", constraint(row))
            except Exception as error:  # a user's function may raise anything
                return (
                    f"The constraint {name!r} cannot be computed: {type(error).__name__}: {error}"
                )
        if found:
            self._record.constrain(number, found)
        return None

    def _why_failed(self, number: int, row: Row, error: bool) -> str | None:
        if error or has_failed(row):
            return str(row.get(FAILURE) or self._verdicts.lost.get(number, "Its worker was lost."))
        if not has_ended(row) and number not in self._verdicts.stopped:
            return "It returned before its pipeline had ended."
        return None
