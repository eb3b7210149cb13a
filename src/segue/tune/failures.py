"""Kinds of failures: a full disk or GPU, and a store or a database that is unavailable."""

import errno
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import OperationalError

from segue.plan.spaces.space_trial import SpaceError
from segue.store.objects import StoreError

_DISK_FULL_MESSAGES = ("no space left on device", "disk is full", "disk quota exceeded")
_GPU_FULL_MESSAGE = "out of memory"


def is_disk_full(error: BaseException) -> bool:
    """Return whether an exception, or one of its causes, reports a full disk."""
    return any(_reports_disk_full(cause) for cause in _causes(error))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception, or one of its causes, reports that a GPU's memory is full."""
    return any(_reports_full_gpu(cause) for cause in _causes(error))


def store_unavailable(error: BaseException) -> str | None:
    """Return a sentence about the store or database whose failure caused an exception.

    None for any other exception.
    """
    for cause in _causes(error):
        if isinstance(cause, StoreError):
            return str(cause)
        if isinstance(cause, OperationalError) and not isinstance(cause.orig, sqlite3.Error):
            reason = next(iter(str(cause.orig).splitlines()), "").rstrip(".")
            return f"The study's database is unavailable ({reason})."
    return None


def space_failure(error: BaseException) -> str | None:
    """Return why a space function cannot propose, if this caused an exception; else None."""
    return next((str(cause) for cause in _causes(error) if isinstance(cause, SpaceError)), None)


def one_line(error: BaseException) -> str:
    """Return the type of an exception and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _reports_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error).lower() for words in _DISK_FULL_MESSAGES)


def _reports_full_gpu(error: BaseException) -> bool:
    message = str(error)
    is_cuda_out_of_memory = "CUDA" in message and _GPU_FULL_MESSAGE in message
    return type(error).__name__ == "OutOfMemoryError" or is_cuda_out_of_memory


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
