"""What trials print: each has its log, and several that train together share what is printed."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

from segue.record.layout import TrialLayout


class TrialLogs(io.TextIOBase):
    """A stream that is written to the logs of the trials that a worker is training.

    What is printed in a step that several trials share belongs to none of them, and is in the log
    of each.
    """

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[int, TextIO] = {}
        self._written: list[TextIO] | None = None

    @contextmanager
    def redirected(self) -> Iterator[None]:
        """Write what this process prints to the logs while the block runs."""
        with redirect_stdout(self), redirect_stderr(self):
            try:
                yield
            finally:
                for number in list(self._open):
                    self.end(number)

    def begin(self, number: int, directory: Path) -> None:
        """Append to the log of a trial from now on."""
        self.end(number)
        directory.mkdir(parents=True, exist_ok=True)
        self._open[number] = TrialLayout(directory).log.open("a", buffering=1)

    def end(self, number: int) -> None:
        """Close the log of a trial."""
        if number in self._open:
            self._open.pop(number).close()

    @contextmanager
    def only(self, number: int) -> Iterator[None]:
        """Write to the log of one trial while the block runs."""
        self._written = [self._open[number]] if number in self._open else []
        try:
            yield
        finally:
            self._written = None

    def writable(self) -> bool:
        """Return True: the stream can be written."""
        return True

    def write(self, text: str) -> int:
        """Write a text to each log; while no trial trains, to the output of the process."""
        for log in self._logs() or filter(None, [sys.__stdout__]):
            log.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush each log."""
        for log in self._logs():
            log.flush()

    def fileno(self) -> int:
        """Return the descriptor of the first log; raise io.UnsupportedOperation without one."""
        for log in self._logs():
            return log.fileno()
        raise io.UnsupportedOperation("no trial trains")

    def _logs(self) -> list[TextIO]:
        return list(self._open.values()) if self._written is None else self._written
