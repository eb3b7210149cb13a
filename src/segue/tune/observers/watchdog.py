"""Kills trials that hang, which Tune then starts again, and reports a sweep that is silent."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import ray

from segue.record.row import Row
from segue.tune.ray_adapter import RunningTrial, TrialObserver
from segue.tune.verdicts import Verdicts

Timeout = float | Literal["auto"] | None
_AUTO_SECONDS = 3600.0  # the least that "auto" waits
_AUTO_FACTOR = 10.0  # times the longest silence that ended with a report


class Watchdog(TrialObserver):
    """Kills a worker none of whose trials has reported for `timeout` seconds.

    Its trials are then started again, from their newest checkpoints. With "auto", a trial has an
    hour, or ten times the longest silence that a trial of this run broke, if that is longer; with
    None, no worker is killed. `notify` is called with a sentence about each kill, and once when no
    trial has started or reported for so long (with "auto" for an hour while nothing was reported):
    there may be no machine to run one. While `is_paused` returns True, a person has paused the
    sweep, whose silence then counts for nothing; that of a trial on its way to a report does.
    """

    def __init__(
        self,
        timeout: Timeout,
        verdicts: Verdicts,
        clock: Callable[[], float] = time.monotonic,
        notify: Callable[[str], None] = lambda message: None,
        is_paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._timeout = timeout
        self._verdicts = verdicts
        self._clock = clock
        self._notify = notify
        self._is_paused = is_paused
        self._last_seen: dict[int, float] = {}
        self._any_last_seen: float | None = clock()  # None once the silence was notified
        self._longest: float | None = None

    @property
    def limit(self) -> float | None:
        """Seconds of silence after which a trial is killed; None where no trial is killed (yet)."""
        if self._timeout != "auto":
            return self._timeout
        if self._longest is None:
            return None
        return max(_AUTO_SECONDS, _AUTO_FACTOR * self._longest)

    def started(self, number: int) -> None:
        """Restart the trial's time."""
        self._see(number, self._clock())

    def reported(self, number: int, row: Row) -> None:
        """Restart the trial's time, and record how long it was silent."""
        now = self._clock()
        silent = now - self._last_seen.get(number, now)
        self._longest = max(silent, self._longest or 0.0)
        self._verdicts.hung.pop(number, None)  # it runs: a later failure has another cause
        self._see(number, now)

    def ended(self, number: int) -> None:
        """Stop watching the trial."""
        self._last_seen.pop(number, None)

    def tick(self, running: Iterable[RunningTrial]) -> None:
        """Kill the workers whose trials were silent for too long."""
        limit = self.limit
        now = self._clock()
        if limit is not None:
            for actor, numbers in _by_worker(running).items():
                if now - max(self._last_seen.get(number, now) for number in numbers) > limit:
                    self._kill(actor, numbers, limit)
        self._notify_of_silence(limit, now)

    def _see(self, number: int, now: float) -> None:
        self._last_seen[number] = now
        self._any_last_seen = now

    def _notify_of_silence(self, limit: float | None, now: float) -> None:
        silence = limit or (_AUTO_SECONDS if self._timeout == "auto" else None)
        if silence is None or self._any_last_seen is None:
            return
        if self._is_paused():
            self._any_last_seen = now
        if now - self._any_last_seen > silence:
            self._any_last_seen = None
            self._notify(f"No trial has started or reported for {silence:,.0f} s.")

    def _kill(self, actor: Any, numbers: Sequence[int], limit: float) -> None:
        for number in numbers:
            self._verdicts.hung[number] = f"It reported nothing for {limit:,.0f} s."
            self._last_seen[number] = self._clock()
        self._any_last_seen = None  # one notification is enough
        ray.kill(actor)
        trials = " and ".join(f"trial {number}" for number in numbers)
        self._notify(
            f"{trials[0].upper()}{trials[1:]} reported nothing for {limit:,.0f} s;"
            f" {'they are' if len(numbers) > 1 else 'it is'} killed and restarted."
        )


def _by_worker(running: Iterable[RunningTrial]) -> dict[object, list[int]]:
    """Return the numbers of the trials of each worker, by its actor."""
    found: dict[object, list[int]] = {}
    for trial in running:
        found.setdefault(trial.actor, []).append(trial.number)
    return found
