"""Ending a run early without losing anything."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from segue.record.row import Row
from segue.tune.ray_adapter import SweepStopper

_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGUSR1,
)  # the last is Slurm's, before a job's time is over


class Interruption(SweepStopper):
    """Ends Tune's loop at the first SIGINT, SIGTERM or SIGUSR1, so that what was running can be
    continued.

    The second signal does what it would have done. The loop ends as well after `seconds`, and when
    `is_needed` says so.
    """

    def __init__(
        self,
        seconds: float | None = None,
        is_needed: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.by: int | None = None  # the signal's number
        self.is_late = False
        self._listen: Callable[[int, FrameType | None], None] | None = None
        self._is_needed = is_needed
        self._clock = clock
        self._deadline = None if seconds is None else clock() + seconds

    def __call__(self, trial_id: str, result: Row) -> bool:
        """Whether to stop this one trial: never."""
        return False

    def stop_all(self) -> bool:
        """Whether to stop all trials."""
        if self._listen and signal.getsignal(signal.SIGUSR1) != self._listen:
            signal.signal(
                signal.SIGUSR1, self._listen
            )  # Tune has put a handler of its own in its place
        self.is_late = self.is_late or (
            self._deadline is not None and self._clock() >= self._deadline
        )
        return self.by is not None or self.is_late or self._is_needed()

    @contextmanager
    def listening(self, say: Callable[[str], None]) -> Iterator[None]:
        """Wait for signals while the block runs; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(number: int, frame: FrameType | None) -> None:
            self.by = number
            self._listen = None
            signal.signal(number, before[number])
            say("Stopping. The running trials can be continued later.")

        before: dict[int, Any] = {number: signal.signal(number, end) for number in _SIGNALS}
        self._listen = end
        try:
            yield
        finally:
            self._listen = None
            for number, handler in before.items():
                signal.signal(number, handler)
