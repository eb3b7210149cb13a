"""Preemption: a worker that is requested to end (SIGTERM) saves its trial, which resumes elsewhere.

Machines that are taken away and pods that are evicted send this signal some seconds before the end.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

GRACE_SECONDS = 25.0  # of the thirty that a pod has; a spot machine has more

_requested = threading.Event()
_training = threading.Event()
_uploads: list[Callable[[], None]] = []


def is_requested() -> bool:
    """Return whether this process was requested to end while it trained."""
    return _requested.is_set()


@contextmanager
def training(upload: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Mark that there is something to save while the block runs.

    `upload` stores what is on the disk where it outlasts this machine.
    """
    _training.set()
    _uploads.append(upload)
    try:
        yield
    finally:
        _uploads.clear()
        _training.clear()


def exit_process() -> NoReturn:
    """End this process, after its trial has saved."""
    for upload in _uploads:
        upload()
    os._exit(1)


class PreemptionMixin:
    """Has a trainable of Tune listen for a preemption.

    Tune sets a trainable up in the main thread, where signals arrive, and trains in another.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Listen from now on, for as long as the process lives."""
        super().setup(config)  # type: ignore[misc]  # of the trainable that this is mixed into
        if threading.current_thread() is threading.main_thread():
            listen()


def listen() -> None:
    """Have SIGTERM request a preemption while there is something to save.

    Otherwise the signal does what it did before.
    """
    before = signal.getsignal(signal.SIGTERM)

    def request(number: int, frame: FrameType | None) -> None:
        if not _training.is_set() or _requested.is_set():
            signal.signal(number, before)
            signal.raise_signal(number)
            return
        _requested.set()
        last = threading.Timer(GRACE_SECONDS, os._exit, (1,))
        last.daemon = True
        last.start()

    signal.signal(signal.SIGTERM, request)
