"""A lock between processes, which the operating system releases however its holder ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segue.base.files import open_regular

ORPHAN_SECONDS = 20.0
"""How long to wait for a worker that has outlived its driver, and may still be writing."""
_POLL_SECONDS = 0.05


class LockedError(RuntimeError):
    """Raised when another process holds the lock."""


@contextmanager
def locked(path: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock on `path`, a file made for it, until the block ends.

    Waits up to `wait_seconds` for another process to release it, then raises LockedError. Raises
    OSError for a path that is not a regular file.
    """
    with os.fdopen(open_regular(path, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file:
        deadline = time.monotonic() + wait_seconds
        while not _acquire(file.fileno()):
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"{path.parent} is in use by another process: wait until it ends, or stop it."
                )
            time.sleep(_POLL_SECONDS)
        yield


def _acquire(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
