"""End a run early without losing results."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from segue.record.row import Row
from segue.tune.ray_adapter import SweepStopper

# Slurm sends SIGUSR1 before a job's time limit.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Interruption(SweepStopper):
    """Ends Tune's loop at the first SIGINT, SIGTERM or SIGUSR1, with running trials resumable.

    A second signal has its default effect. The loop also ends after `seconds`, and as soon as
    `is_needed` returns True.
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
        """Return False: a single trial is never stopped."""
        return False

    def stop_all(self) -> bool:
        """Return whether to stop all trials."""
        if self._listen and signal.getsignal(signal.SIGUSR1) != self._listen:
            # Tune has replaced the handler with its own.
            signal.signal(signal.SIGUSR1, self._listen)
        self.is_late = self.is_late or (
            self._deadline is not None and self._clock() >= self._deadline
        )
        return self.by is not None or self.is_late or self._is_needed()

    @contextmanager
    def listening(self, notify: Callable[[str], None]) -> Iterator[None]:
        """Handle signals for the duration of the block; does nothing outside of the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(number: int, frame: FrameType | None) -> None:
            self.by = number
            self._listen = None
            signal.signal(number, before[number])
            notify("Stopping. The running trials can be resumed later.")

        before: dict[int, Any] = {number: signal.signal(number, end) for number in _SIGNALS}
        self._listen = end
        try:
            yield
        finally:
            self._listen = None
            for number, handler in before.items():
                signal.signal(number, handler)
