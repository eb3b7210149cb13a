"""Damages copies of a run one by one, and gives each to readers, with a time limit for each."""

import shutil
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import NoReturn

from tests.mutations.mutate import mutate
from tests.mutations.readers import READERS

SECONDS = 60.0


class HungError(BaseException):
    """Raised in a reader that takes too long, and caught by nothing in it."""


@dataclass(frozen=True)
class Finding:
    """A reader that ended with a traceback, or that hung, and how to see it again."""

    seed: str
    mutation: str
    reader: str
    what: str

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.reader}, {self.mutation}\n{self.what}"


def findings(
    original: Path, folder: Path, seed: int, indices: Sequence[int], readers: int
) -> Iterator[Finding]:
    """Damage a copy of a run for each index, and yield what goes wrong in that many readers."""
    for index in indices:
        key = f"{seed}-{index}"
        for name in Random(f"readers {key}").sample(sorted(READERS), readers):
            run = folder / "run"
            _remove(run)
            shutil.copytree(original, run)
            mutation = mutate(run, Random(key))
            problem = problem_of(READERS[name], run)
            if problem:
                yield Finding(key, mutation, name, problem)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def problem_of(reader: Callable[[Path], None], run: Path, seconds: float = SECONDS) -> str | None:
    """Return what is wrong with the end of a reader; None where it succeeds or refuses."""
    try:
        with time_limit(seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader(run)
    except ValueError as error:
        if not str(error) or "\n" in str(error):
            return f"not one sentence: {error!r}\n{traceback.format_exc()}"
    except HungError:
        return f"it hangs\n{traceback.format_exc()}"
    except Exception:
        return traceback.format_exc()
    return None


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise HungError in this thread after so many seconds."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise HungError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
