"""Calls of code that a user wrote, whose errors become one sentence."""

import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segue.base.text import error_text

_SEGUE = f"{Path(__file__).parents[1]}{os.sep}"
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


@contextmanager
def user_code(what: str) -> Iterator[None]:
    """Raise ValueError, which says that `what` fails and how, for any error of the code inside."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{what} fails ({error_text(error)}).") from error


@contextmanager
def located_user_errors() -> Iterator[None]:
    """Raise ValueError, with the function and the line, where user code called inside fails.

    SystemExit and other exceptions that are not errors are included: user code does not decide how
    the process ends. KeyboardInterrupt passes, and so does what Segue itself raises: a ValueError
    is a refusal, and an error without a line of the user in its traceback is a mistake in Segue.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if not _in_library(frame)
        ]
        own = [frame for frame in frames if not frame.filename.startswith(_SEGUE)]
        is_refusal = isinstance(error, ValueError) and frames[-1] not in own[-1:]
        if not own or is_refusal:
            raise
        at = own[-1]
        raise ValueError(
            f"{at.filename}, line {at.lineno}: {at.name} fails ({error_text(error)})."
        ) from error


def _in_library(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith((*_LIBRARIES, "<frozen"))
