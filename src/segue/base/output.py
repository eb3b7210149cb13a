"""Standard output and error that may be closed, full, or unread, and end nothing."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

_PATIENCE_SECONDS = 1.0


class GuardedStream:
    """A text stream whose failures to write are recorded rather than raised.

    After a failure, the stream's file is replaced by the null device. With `drops`, text that
    nobody reads (a full pipe, a terminal that is paused) is dropped rather than waited for.
    """

    def __init__(self, stream: TextIO, *, drops: bool = False) -> None:
        self.problem: OSError | None = None
        """Why text was lost, other than that its reader has closed the pipe."""
        self._stream = stream
        self._drops = drops
        self._is_lost = False
        self._was_read = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text, and return its length also where it is lost."""
        if not self._is_lost and self._is_read():
            try:
                self._stream.write(text)
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Write what the stream has buffered."""
        if not self._is_lost and self._is_read():
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

    def _is_read(self) -> bool:
        """Return whether a write does not have to wait for a reader."""
        if not self._drops:
            return True
        try:
            # The first time, a reader that is only slow gets the time to catch up.
            patience = _PATIENCE_SECONDS if self._was_read else 0.0
            self._was_read = bool(select.select((), (self._stream,), (), patience)[1])
        except (OSError, ValueError):  # not a file, as in a notebook
            self._was_read = True
        return self._was_read

    def _lose(self, error: OSError) -> None:
        self._is_lost = True
        if not isinstance(error, BrokenPipeError):
            self.problem = error
        # What is still buffered would fail again when the process ends.
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


@contextmanager
def guarded_output(*, drops: bool = False) -> Iterator[GuardedStream]:
    """Guard standard output and error during the block, and yield the guard of the output."""
    before = (sys.stdout, sys.stderr)
    output = GuardedStream(sys.stdout, drops=drops)
    sys.stdout = cast(TextIO, output)
    sys.stderr = cast(TextIO, GuardedStream(sys.stderr, drops=drops))
    try:
        yield output
    finally:
        output.flush()
        sys.stdout = before[0]
        sys.stderr = before[1]


def open_standard_files() -> None:
    """Open the null device in place of standard input, output and error that are closed.

    Another file would otherwise get their number, and receive what is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
