"""The directory of a Ray that Segue starts: private, short, and removed however its owner ends."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segue.base.lock import LockedError, locked

_PREFIX = "segue-"
_OWNER = "owner"
"""A file that the process which uses the directory holds locked until it ends."""
_RAY = "r"
_SOCKETS_FIT = 24  # characters: a socket's path may have 107, and the rest has 82


@contextmanager
def ray_directory() -> Iterator[Path]:
    """Yield a new directory for a Ray of this process, and remove it at the end of the block.

    Ray makes its directory readable for all users: it lies in a private one. Directories that
    killed processes of this user left behind are removed first, since Ray's logs are in them.
    """
    usual = tempfile.gettempdir()
    parent = Path(usual if len(usual) < _SOCKETS_FIT else "/tmp")
    remove_abandoned(parent)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        with _owned(directory):
            yield directory / _RAY
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Remove the directories that `ray_directory` made in `parent` for processes that have ended.

    Directories of other users, of running processes and of other programs stay.
    """
    for directory in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, LockedError):
            if _is_ours(directory):
                with locked(directory / _OWNER):
                    # The owner's file last: what cannot be removed now, the next start finds.
                    shutil.rmtree(directory / _RAY, ignore_errors=True)
                    if not (directory / _RAY).exists():
                        shutil.rmtree(directory)


@contextmanager
def _owned(directory: Path) -> Iterator[None]:
    """Hold the owner's file locked, which has its name only when it is locked."""
    unnamed = directory / "new"
    with locked(unnamed):
        unnamed.rename(directory / _OWNER)
        yield


def _is_ours(directory: Path) -> bool:
    """Return whether the directory is private to this user, and has an owner's file."""
    found = directory.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not is_private or found.st_uid != os.geteuid():
        return False
    owner = (directory / _OWNER).lstat()
    return stat.S_ISREG(owner.st_mode) and owner.st_uid == os.geteuid()
