"""CPU time of this process and of everything that it starts, Ray's workers included."""

from __future__ import annotations

import threading
from contextlib import suppress

import psutil

_EVERY_SECONDS = 0.5


class CpuTime:
    """CPU seconds of this process and of all its descendants while the block runs.

    They are sampled, since processes of Ray end without being waited for: up to half a second of
    each process may be missing.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, float], float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = 0.0
        self.seconds = 0.0

    def __enter__(self) -> CpuTime:
        self._sample()
        self._before = sum(self._found.values())
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self._sample()
        self.seconds = sum(self._found.values()) - self._before

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._sample()

    def _sample(self) -> None:
        own = psutil.Process()
        for process in (own, *own.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                key = process.pid, process.create_time()
                self._found[key] = times.user + times.system
