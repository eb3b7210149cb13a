"""Paths that people type, and paths from names of a store, a study, or a file of a run."""

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

_LONGEST = 255  # bytes of a name, on the file systems of Linux and macOS
_SHOWN_LENGTH = 100

Place = TypeVar("Place", str, Path)


def place(name: str, value: Place) -> Place:
    """Return a path, or a URL, with the user's folder in place of a leading `~`.

    Raise ValueError, naming the option `name`, for an empty text and an unknown user.
    """
    if not str(value).strip():
        raise ValueError(f"{name} is empty: give a path.")
    if not str(value).startswith("~"):
        return value
    try:
        return type(value)(Path(value).expanduser())
    except RuntimeError as error:
        raise ValueError(
            f"{name} {value} names a user who has no folder here: give a path that starts with ./"
            " or / instead."
        ) from error


class UnsafeNameError(ValueError):
    """Raised for a name that does not lead into the folder that it is joined to."""


def checked_name(name: object, origin: str) -> str:
    """Return a name that stays in whatever folder it is joined to.

    Raise UnsafeNameError, naming the `origin`, for a name that is not a text, is empty or absolute,
    has a drive, goes up with `..`, or cannot be a file's name. A backslash counts as a separator.
    """
    if not isinstance(name, str) or "\0" in name or not PurePosixPath(name).parts:
        raise _unsafe(name, origin)
    as_windows = PureWindowsPath(name)  # also knows the separators of POSIX
    is_rooted = bool(as_windows.drive or as_windows.root)
    if is_rooted or ".." in as_windows.parts or _is_too_long(name):
        raise _unsafe(name, origin)
    return name


def inside(folder: Path, name: object, origin: str | None = None) -> Path:
    """Return the path of `name` in `folder`.

    Raise UnsafeNameError, naming the `origin` of the name (the folder by default), as
    `checked_name` does, and for a path on which a symbolic link leads out of the folder.
    """
    shown = str(folder) if origin is None else origin
    path = folder / checked_name(name, shown)
    try:
        stays = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a symbolic link that leads to itself
        stays = False
    if not stays:
        raise _unsafe(name, shown)
    return path


def _is_too_long(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(len(part.encode(errors="surrogateescape")) > _LONGEST for part in parts)


def _unsafe(name: object, origin: str) -> UnsafeNameError:
    shown = repr(name)
    if len(shown) > _SHOWN_LENGTH:
        shown = f"{shown[:_SHOWN_LENGTH]}..."
    return UnsafeNameError(
        f"{origin} names the file {shown}, which is outside its folder: do not use this run, which"
        " is damaged or was made to overwrite files."
    )
