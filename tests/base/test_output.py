"""Standard output that is closed, full or unread."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TextIO

import pytest

from segue.base.output import GuardedStream, guarded_output

ROOT = Path(__file__).parent.parent.parent
FULL = Path("/dev/full")


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """The number of a pipe's end for reading, and the other end."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        yield reading, stream


def test_a_reader_that_has_left_is_no_problem(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    os.close(reading)
    guarded = GuardedStream(stream)
    for _ in range(3):
        print("a line", file=guarded, flush=True)
    assert guarded.problem is None


def test_a_full_disk_is_a_problem_and_no_error() -> None:
    with FULL.open("w") as stream:
        guarded = GuardedStream(stream)
        print("a line", file=guarded, flush=True)
        print("a line", file=guarded, flush=True)
    assert guarded.problem is not None
    assert guarded.problem.strerror == "No space left on device"


def test_what_nobody_reads_is_dropped_and_not_waited_for(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    guarded = GuardedStream(stream, drops=True)
    started = time.monotonic()
    for _ in range(1000):
        print("x" * 1000, file=guarded, flush=True)
    assert time.monotonic() - started < 20
    os.set_blocking(reading, False)
    with closing(os.fdopen(reading, "rb")) as reader:
        assert len(reader.read()) < 100_000
        print("read again", file=guarded, flush=True)
        assert reader.read().endswith(b"read again\n")


def test_a_stream_that_is_not_a_file_receives_everything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sys.stdout
    with guarded_output(drops=True), guarded_output(drops=True):
        print("a line")
    assert sys.stdout is before
    assert capsys.readouterr().out == "a line\n"


@pytest.mark.parametrize(
    ("inner", "outer", "code", "words"),
    [
        ("", "| true", 0, ""),
        ("> /dev/full", "", 1, "Standard output could not be written: No space left on device.\n"),
        (">&-", "", 0, ""),
        (">&- 2>&-", "", 0, ""),
        ("2> /dev/full", "", 0, ""),
    ],
)
def test_commands_end_as_usual(inner: str, outer: str, code: int, words: str) -> None:
    shell = subprocess.run(
        ["sh", "-c", f"({sys.executable} -m segue run {inner}; echo $? >&3) 3>&2 {outer}"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert shell.stderr == f"{words}{code}\n"
