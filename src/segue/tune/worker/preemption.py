"""Notice: a worker that is asked to end (SIGTERM) has a little time. Its trial checkpoints and goes
on elsewhere.

Machines that are taken away and pods that are evicted ask so before they are gone.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

GRACE_SECONDS = 25.0  # of the thirty that a pod has; a spot machine has more

_given = threading.Event()
_training = threading.Event()
_keep: list[Callable[[], None]] = []


def is_given() -> bool:
    """Whether this process was asked to end while it trained."""
    return _given.is_set()


@contextmanager
def training(keep: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While the block runs, there is something to save; `keep` makes what is on the disk outlast
    this machine.
    """
    _training.set()
    _keep.append(keep)
    try:
        yield
    finally:
        _keep.clear()
        _training.clear()


def leave() -> None:
    """End this process, after its trial has saved."""
    for keep in _keep:
        keep()
    os._exit(1)


class Listening:
    """What a trainable of Tune inherits to hear of it: Tune sets it up in the main thread, and
    trains in another.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Listen from now on, for as long as the process lives."""
        super().setup(config)  # type: ignore[misc]  # of the trainable that this is mixed into
        if threading.current_thread() is threading.main_thread():
            listen()


def listen() -> None:
    """Have SIGTERM give notice when there is something to save; otherwise it does what it did
    before.
    """
    before = signal.getsignal(signal.SIGTERM)

    def notice(number: int, frame: FrameType | None) -> None:
        if not _training.is_set() or _given.is_set():
            signal.signal(number, before)
            signal.raise_signal(number)
            return
        _given.set()
        last = threading.Timer(GRACE_SECONDS, os._exit, (1,))
        last.daemon = True
        last.start()

    signal.signal(signal.SIGTERM, notice)
