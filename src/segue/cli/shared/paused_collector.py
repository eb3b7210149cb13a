"""Imports without garbage collection."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the garbage collector, and exempt what exists afterwards from later collections.

    Torch and Ray create several hundred thousand objects that live as long as the process.
    Without the repeated scans of these, and the last one at exit, importing both is a third faster.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
