"""Telling that a disk is full, whoever says so."""

import errno
from collections.abc import Iterator

_WORDS = ("no space left on device", "disk is full", "disk quota exceeded")


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception, or what it was caused by, says that nothing more can be written."""
    return any(_says_so(cause) for cause in _causes(error))


def _says_so(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error).lower() for words in _WORDS)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
