"""Which of the planned trials share first stages, and which of them trains these."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from optuna.trial import TrialState

from segue.plan.sweeps.prefixes import Prefix, prefixes_of, shared_prefixes
from segue.plan.sweeps.sweep import Sweep
from segue.record.row import (
    ENV_STEPS,
    FORKED_FROM,
    STAGE,
    STAGE_DONE,
    TOTAL_ENV_STEPS,
    Row,
)
from segue.train import member_seeds
from segue.tune.run.prefixes import PrefixStore
from segue.tune.study.record import StudyRecord


class Forks:
    """Lets the first stages that planned trials share be trained once.

    Of the trials that share a prefix, the first one trains it. The others are held until it is
    stored, or until that trial has ended without it. A trial whose stages were ended by a scheduler
    or a person stores none. Everything follows from the study and the run directory.
    """

    def __init__(
        self,
        record: StudyRecord,
        prefixes: Mapping[int, Sequence[Prefix]] | None = None,
        store: PrefixStore | None = None,
    ) -> None:
        self._record = record
        self._prefixes = prefixes or {}
        self._store = store
        self._sharing: dict[Prefix, list[int]] = defaultdict(list)
        for number, each in self._prefixes.items():
            for prefix in each:
                self._sharing[prefix].append(number)
        self._stored = {prefix for prefix in self._sharing if store and prefix.key in store}

    def first_of(self, line: Iterable[int]) -> int | None:
        """Return the first of the waiting trials that is not held; None if all of them are."""
        if not self._prefixes:
            return next(iter(line), None)
        trained = self._in_training()
        return next((number for number in line if not self._needs(number) & trained), None)

    def shared(self, number: int) -> dict[str, Any]:
        """Return what the worker of a trial must know; nothing of one that shares nothing.

        This is the key of the `prefix` with which the trial begins, or None, and after which stages
        it needs checkpoints, `saved_after`.
        """
        if number not in self._prefixes:
            return {}
        stored = [each for each in self._of(number) if each in self._stored]
        missing = self._needs(number)
        return {
            "prefix": stored[-1].key if stored else None,
            "saved_after": tuple(sorted(each.stages - 1 for each in missing)),
        }

    def reported(self, number: int, row: Row) -> None:
        """Record a report that a trial has adopted; store what it has trained for others."""
        if row.get(FORKED_FROM) is not None:
            steps = {name: row[name] for name in (ENV_STEPS, TOTAL_ENV_STEPS)}
            self._record.record_fork(number, {"trial": row[FORKED_FROM], **steps})
        elif row.get(STAGE_DONE):
            for prefix in self._of(number):
                if prefix.stages == row[STAGE] + 1 and self._is_wanted(prefix):
                    self._keep(prefix, number, row)

    def ended(self, number: int) -> None:
        """Remove what no trial will begin with any more, now that a trial has ended."""
        for prefix in self._of(number):
            if prefix in self._stored and self._store and not self._are_open(prefix):
                self._store.remove(prefix.key)
                self._stored.remove(prefix)

    def _keep(self, prefix: Prefix, number: int, row: Row) -> None:
        if self._store is None or self._record.stages_ended_by(number):
            return
        if self._store.store(prefix.key, number, row[ENV_STEPS]):
            self._stored.add(prefix)

    def _of(self, number: int) -> Sequence[Prefix]:
        return self._prefixes.get(number, ())

    def _needs(self, number: int) -> set[Prefix]:
        return {each for each in self._of(number) if each not in self._stored}

    def _in_training(self) -> set[Prefix]:
        """Return the prefixes that running trials are training."""
        return {
            prefix
            for number in self._record.numbers(TrialState.RUNNING)
            for prefix in self._of(number)
            if prefix.stages > self._ended_stages(number)
        }

    def _ended_stages(self, number: int) -> int:
        stages = self._record.stages(number)
        return len(stages.ended_at) if stages else 0

    def _is_wanted(self, prefix: Prefix) -> bool:
        sharing = map(self._record.trial, self._sharing[prefix])
        is_waited_for = any(trial.state == TrialState.WAITING for trial in sharing)
        return prefix not in self._stored and is_waited_for

    def _are_open(self, prefix: Prefix) -> bool:
        sharing = map(self._record.trial, self._sharing[prefix])
        return not all(trial.state.is_finished() for trial in sharing)


def forks_of(sweep: Sweep, record: StudyRecord, store: PrefixStore, *, is_on: bool) -> Forks:
    """Return the forks of a sweep; nothing is shared unless `is_on`."""
    if not is_on:
        return Forks(record)
    return Forks(record, _prefixes(sweep, record, store), store)


def _prefixes(sweep: Sweep, record: StudyRecord, store: PrefixStore) -> dict[int, list[Prefix]]:
    """Return the prefixes that trials to train share with each other, or that are stored."""
    seeds = member_seeds(sweep.seed, sweep.seeds)
    found = {}
    for number in record.numbers(TrialState.RUNNING, TrialState.WAITING):
        with suppress(ValueError):  # of a point that has no pipeline: its trial will fail
            setup = sweep.at(record.parameters(number))
            found[number] = prefixes_of(setup, seeds, sweep.code)
    return shared_prefixes(found, store.__contains__)
