"""Weights from which a stage starts, as a value."""

import os
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from segue.base.checks import names, whole_number
from segue.base.files import read_regular


@dataclass(frozen=True)
class Weights:
    """A file of weights from which the members of a stage start.

    The values are equal, and train the same, wherever the file is: its content counts, not its
    path. A relative path begins at the working directory of the driver, on every worker. The file
    must exist on each node that trains.

    Attributes:
        path: A checkpoint of a trial (`segue.best_checkpoint(RUN)` returns that of a run's winner),
            or what `torch.save` wrote of a `state_dict` or of a dictionary of tensors by the
            policy's names.
        only: The beginnings of the names of the parameters to take, such as `("encoder",)`; the
            other parameters remain those of the member. Empty for all.
        member: The index of the member of a checkpoint that all members start from. None for its
            first member for the first seed, and so on; after its last one its first one follows.
        digest: The SHA-256 of the file's content when the value was made, as 64 hex digits.

    Raises ValueError if the file cannot be read, TypeError for arguments of another type.
    """

    path: str = field(compare=False)
    only: tuple[str, ...] = ()
    member: int | None = None
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", _path(self.path))
        object.__setattr__(self, "only", names("Weights(only)", self.only))
        if self.member is not None:
            object.__setattr__(
                self, "member", whole_number("Weights(member)", self.member, least=0)
            )
        object.__setattr__(self, "digest", _digest(self.path))

    def __repr__(self) -> str:
        only = f", only={self.only!r}" if self.only else ""
        member = "" if self.member is None else f", member={self.member}"
        return f"Weights({self.path!r}{only}{member})"

    def takes(self, name: str) -> bool:
        """Return whether the parameter of that name is taken."""
        return not self.only or name.startswith(self.only)

    def member_for(self, index: int, members: int) -> int:
        """Return which of a file's `members` the member of that index starts from."""
        return index % members if self.member is None else self.member

    def content(self) -> bytes:
        """Return the content of the file.

        Raises ValueError if it cannot be read, or has changed since the value was made.
        """
        content = _content(self.path)
        if sha256(content).hexdigest() != self.digest:
            raise ValueError(
                f"{self!r}: the file has changed since the trial was defined: store the weights"
                " under another name, which does not change."
            )
        return content


def _path(path: object) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"Weights takes the path of a file, got {path!r}.")
    return os.fspath(path)


def _digest(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError as error:
        raise ValueError(_unreadable(path, error)) from error
    return _digest_of(path, found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=16)  # a function of the space is called for many points
def _digest_of(path: str, *state: int) -> str:
    return sha256(_content(path)).hexdigest()


def _content(path: str) -> bytes:
    try:
        return read_regular(Path(path))
    except OSError as error:
        raise ValueError(_unreadable(path, error)) from error


def _unreadable(path: str, error: OSError) -> str:
    if Path(path).is_dir():
        return (
            f"Weights({path!r}): it is a folder: give a checkpoint in it, for a run"
            f" Weights(best_checkpoint({path!r}))."
        )
    return f"Weights({path!r}): the file cannot be read ({error.strerror})."
