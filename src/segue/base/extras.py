"""Packages of the optional extras, which only some commands need."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def optional_dependency(extra: str, what: str) -> Iterator[None]:
    """Import inside the block; for a missing package, raise ValueError that names the extra."""
    try:
        yield
    except ImportError as error:
        raise ValueError(
            f"{what} needs the package {error.name}, which is not installed: run `pip install"
            f" 'segue[{extra}]'`."
        ) from error
