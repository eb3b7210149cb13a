"""Trials that repeat the configuration of another one, and are recorded as copies of it.

Training is deterministic: the same parameters on the same seeds give the same result bit for bit,
so that a repetition would cost a whole training for nothing. Optuna's samplers repeat parameters
where choices are few.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from optuna.trial import FrozenTrial, TrialState

from segue.record.study.attributes import CONSTRAINTS, COPY_OF, LINEAGE, TOTAL_ENV_STEPS
from segue.record.study.repetition import is_repeatable
from segue.tune.study.record import StudyRecord


class Copies:
    """Decides which of the trials that are about to start need not be trained.

    A trial whose parameters an earlier trial completed is recorded as a copy of that trial. One
    whose parameters are being trained is held until that trial has ended: if it cannot be copied,
    the held trial is trained. Stopped and failed trials are not copied, since another attempt may
    come further, and neither is one of which a person ended a stage.

    `since` is when the sweep's definition changed last; trials that ended before were trained by
    another definition. `on_copy` is called with a copy and its original. `is_on` is False where
    trials of equal parameters differ, as under population-based training.
    """

    def __init__(
        self,
        record: StudyRecord,
        since: datetime | None = None,
        on_copy: Callable[[int, int], None] = lambda number, original: None,
        *,
        is_on: bool = True,
    ) -> None:
        self._record = record
        self._since = since
        self._on_copy = on_copy
        self._is_on = is_on
        self._held: list[int] = []
        self._by_parameters: dict[str, list[int]] = defaultdict(list)
        self._indexed = 0

    @property
    def are_held(self) -> bool:
        """Whether a trial is held until another one has ended."""
        return bool(self._held)

    def next_held(self) -> int | None:
        """Return the first held trial whose original has ended, which is then no longer held."""
        for number in self._held:
            original = self._original(number)
            if original is None or original.state != TrialState.RUNNING:
                self._held.remove(number)
                return number
        return None

    def must_train(self, number: int) -> bool:
        """Return whether a running trial has to be trained; otherwise copy or hold it."""
        original = self._original(number)
        if original is None:
            return True
        if original.state == TrialState.RUNNING:
            self._held.append(number)
            return False
        self._copy(number, original)
        self._on_copy(number, original.number)
        return False

    def _copy(self, number: int, original: FrozenTrial) -> None:
        attributes = {**original.user_attrs, TOTAL_ENV_STEPS: 0, COPY_OF: original.number}
        constraints = attributes.pop(CONSTRAINTS, None)
        if constraints:
            self._record.constrain(number, constraints)
        # Without a report: schedulers compare what was trained.
        self._record.complete(number, None, original.values, attributes)

    def _original(self, number: int) -> FrozenTrial | None:
        """Return the complete trial, else the running one, that a trial would repeat, if any."""
        trial = self._record.trial(number)
        if not self._is_on or trial.intermediate_values or LINEAGE in trial.user_attrs:
            return None  # also for a trial that has started and is resumed
        self._index()
        earlier = [
            self._record.trial(other)
            for other in self._by_parameters[_key(trial)]
            if other < number
        ]
        complete = [other for other in earlier if is_repeatable(other, self._since)]
        running = [other for other in earlier if other.state == TrialState.RUNNING]
        return next(iter([*complete, *running]), None)

    def _index(self) -> None:
        trials = self._record.trials
        for trial in trials[self._indexed :]:
            self._by_parameters[_key(trial)].append(trial.number)
        self._indexed = len(trials)


def _key(trial: FrozenTrial) -> str:
    return json.dumps(trial.params, sort_keys=True)
