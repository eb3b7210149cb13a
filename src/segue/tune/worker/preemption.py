"""Preemption: a worker that receives SIGTERM saves its trial, which resumes elsewhere.

Machines that are reclaimed and pods that are evicted receive this signal seconds before the end.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

GRACE_SECONDS = 25.0  # of the 30 that a pod has; a spot machine has more

_requested = threading.Event()
_training = threading.Event()
_uploads: list[Callable[[], None]] = []


def is_requested() -> bool:
    """Return whether this process received a preemption while it trained."""
    return _requested.is_set()


@contextmanager
def training(upload: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Mark that there is something to save for the duration of the block.

    `upload` stores the files of the disk where they outlast this machine.
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
    """Makes a trainable of Tune listen for a preemption.

    Tune sets a trainable up in the main thread, where signals arrive, and trains in another one.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Listen for signals from now on, for the lifetime of the process."""
        super().setup(config)  # type: ignore[misc]  # of the trainable that this is mixed into
        if threading.current_thread() is threading.main_thread():
            listen()


def listen() -> None:
    """Let SIGTERM request a preemption while there is something to save.

    Otherwise the signal has its previous effect.
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
