"""Several trials that one process trains side by side, each in its directory.

What is then in a trial's directory is what it would contain had the trial been trained alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from threadpoolctl import threadpool_limits

from segue.plan.decision import Decision, Exploit
from segue.record.row import Row
from segue.train.packs.groups import partition
from segue.train.packs.interval import AdvanceResult
from segue.train.side_by_side import advance_together, evaluate_together
from segue.train.trainer import Trainer
from segue.train.trials.attempt import Attempt, ReportCallback, TrialStart, apply_decision
from segue.train.trials.prefixes import ALONE, SharedTraining
from segue.train.trials.spec import TrialSpec


class Trials:
    """Trains several trials side by side; trials of one kind share packs.

    A trial begins, advances with all others, and leaves when it has ended, failed, or is paused.
    Trials that fail do not affect the others: after an exception in a pack that several share, all
    of them continue from their newest checkpoints, in halves apart, until the one that raises is
    alone. Use as a context manager, which sets torch and BLAS to one thread, because such processes
    run side by side, one on each core.

    An exception in a pack that several trials share, for which `is_fatal` returns True, is one of
    the process rather than of a trial: `advance` raises it, and this object cannot be used further.
    """

    def __init__(self, is_fatal: Callable[[Exception], bool] = lambda error: False) -> None:
        self._is_fatal = is_fatal
        self._attempts: dict[int, Attempt] = {}
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        torch.set_num_threads(1)
        self._resources.enter_context(threadpool_limits(1, user_api="blas"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let all trials leave, without another checkpoint."""
        with self._resources:
            for number in self.numbers:
                self.leave(number)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the trials that have begun and not left."""
        return list(self._attempts)

    def begin(
        self,
        number: int,
        spec: TrialSpec,
        directory: Path,
        report: ReportCallback = lambda row: None,
        exploit: Exploit | None = None,
        accept_changes: bool = False,
        shared: SharedTraining = ALONE,
    ) -> None:
        """Begin a trial, or continue it from its newest checkpoint.

        The arguments are those of `run_trial`, which also describes what is raised. `number`
        identifies the trial in this object. A trial that begins with `shared` training reports the
        rows that it adopts.
        """
        start = TrialStart(spec, directory, report, exploit, accept_changes, shared)
        self._attempts[number] = Attempt.begin(start)

    def advance(self) -> dict[int, Row | Exception]:
        """Let each trial take one rollout and its update, and record and report what is due.

        Return the trials that have ended by it, which have left: with their last rows, or with
        the exceptions for which they failed.
        """
        running = [one for one in self._attempts.values() if not one.trainer.done]
        for same in partition(running, self._kind):
            self._advance(same)
        ended = {
            number: attempt.outcome()
            for number, attempt in self._attempts.items()
            if attempt.failure is not None or attempt.trainer.done
        }
        for number in ended:
            self.leave(number)
        return ended

    def decide(self, number: int, decision: Decision) -> None:
        """Apply a decision on the last report of a trial, before the next `advance`.

        `report` may return the decision instead. Raise ExploitRequested for one that requires that
        the trial leaves, and begins again from another trial's checkpoint.
        """
        attempt = self._attempts[number]
        apply_decision(decision, attempt.trainer, attempt.files.generation)

    def pause(self, number: int) -> int:
        """Write a checkpoint of a trial and let it leave; return its environment steps.

        It continues with `begin`, here or in another process.
        """
        attempt = self._attempts[number]
        attempt.save()
        self.leave(number)
        return attempt.trainer.env_steps

    def leave(self, number: int) -> None:
        """Let a trial leave, without another checkpoint."""
        self._attempts.pop(number).close()

    def _kind(self, attempt: Attempt) -> object:
        """Return what trials that share packs have in common."""
        if len(self._attempts) == 1:
            return None
        return attempt.start.spec.kind, attempt.apart

    def _advance(self, attempts: Sequence[Attempt]) -> None:
        """Advance trials of one kind."""
        by_trainer = {attempt.trainer: attempt for attempt in attempts}

        def on_error(trainers: Sequence[Trainer], error: Exception) -> None:
            self._part([by_trainer[trainer] for trainer in trainers], error)

        results = advance_together(list(by_trainer), on_error)
        done = {by_trainer[trainer]: result for trainer, result in results.items()}
        _each(done, lambda attempt: attempt.advanced(done[attempt]))
        _evaluate([attempt for attempt in _intact(done) if done[attempt].report_due])
        _each(_intact(done), lambda attempt: attempt.record(done[attempt]))

    def _part(self, attempts: Sequence[Attempt], error: Exception) -> None:
        """Find the trial that raises: of those that share a pack, restart the halves apart."""
        if len(attempts) == 1:
            attempts[0].failure = error
            for other in self._attempts.values():
                other.apart = ()
            return
        if self._is_fatal(error):
            raise error
        for place, attempt in enumerate(attempts):
            number = next(key for key, one in self._attempts.items() if one is attempt)
            try:
                self._attempts[number] = attempt.again(place < len(attempts) // 2)
            except Exception as failure:
                attempt.failure = failure


def _each(attempts: Iterable[Attempt], act: Callable[[Attempt], object]) -> None:
    """Call a function of each attempt; one for which it raises has failed."""
    for attempt in attempts:
        try:
            act(attempt)
        except Exception as error:
            attempt.failure = error


def _intact(attempts: dict[Attempt, AdvanceResult]) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.failure is None]


def _evaluate(attempts: Sequence[Attempt]) -> None:
    """Evaluate the members of all attempts at once, or each alone if that raises."""
    if len(attempts) > 1:
        with suppress(Exception):  # of one of them, which will raise again
            evaluate_together([attempt.trainer for attempt in attempts])
            return
    _each(attempts, lambda attempt: attempt.trainer.evaluate())
