"""Ending a run early without losing anything."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ray.tune import Stopper


class Interruption(Stopper):  # type: ignore[misc]  # Ray has no types
    """Ends Tune's loop at the first SIGINT or SIGTERM, so that what was running can be continued.

    The second signal does what it would have done.
    """

    def __init__(self) -> None:
        self.by: int | None = None  # the signal's number

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether to stop this one trial: never."""
        return False

    def stop_all(self) -> bool:
        """Whether to stop all trials."""
        return self.by is not None

    @contextmanager
    def listening(self, say: Callable[[str], None]) -> Iterator[None]:
        """Wait for signals while the block runs; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(number: int, frame: FrameType | None) -> None:
            self.by = number
            signal.signal(number, before[number])
            say("Stopping. The running trials can be continued later.")

        before: dict[int, Any] = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
