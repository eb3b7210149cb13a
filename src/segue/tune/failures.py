"""Telling that a disk is full, or the run's store or database out of reach, whoever says so."""

import errno
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import OperationalError

from segue.store.objects import StoreError

_WORDS = ("no space left on device", "disk is full", "disk quota exceeded")


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception, or what it was caused by, says that nothing more can be written."""
    return any(_says_so(cause) for cause in _causes(error))


def out_of_reach(error: BaseException) -> str | None:
    """What is said of a store or a database that cannot be reached, in a sentence; None for another
    exception.
    """
    for cause in _causes(error):
        if isinstance(cause, StoreError):
            return str(cause)
        if isinstance(cause, OperationalError) and not isinstance(cause.orig, sqlite3.Error):
            said = next(iter(str(cause.orig).splitlines()), "").rstrip(".")
            return f"The study's database cannot be reached ({said})."
    return None


def one_line(error: BaseException) -> str:
    """Return the type of an exception and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _says_so(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error).lower() for words in _WORDS)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
