"""Files that survive a kill at any moment: atomic replacement, and appended rows of JSON.

Files are read without trust: one that is not a regular file is refused and never waited for, and
JSON that Python cannot parse is a ValueError.
"""

import errno
import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from segue.base.strict_json import restore_numbers, to_json

_DEEPEST = 100

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
"""A value that `json.dumps` can write."""
JsonObject: TypeAlias = dict[str, Any]
"""A dictionary that `json.dumps` can write, and whose entries are read by name."""

_KINDS: Mapping[Callable[[int], bool], str] = {
    stat.S_ISDIR: "a folder",
    stat.S_ISLNK: "a symbolic link",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISSOCK: "a socket",
    lambda mode: True: "a device",
}


class Rows(NamedTuple):
    """The rows of a file, and how many of its lines are damaged and were skipped."""

    rows: list[JsonObject]
    damaged: int


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace the content of `path` so that a reader finds the old or the new content, both whole.

    The new content and its name are on the disk when this returns. Raises OSError, also for a path
    that `check_replaceable` refuses.
    """
    data = content.encode() if isinstance(content, str) else content
    check_replaceable(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # of a killed process that had the same number
    try:
        with temporary.open("xb") as file:  # a link that someone put here is not followed
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def check_replaceable(path: Path) -> None:
    """Raise OSError for a path that exists and is not a regular file.

    A rename over it would replace a device, a FIFO, a socket or a symbolic link with a file.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = next(name for is_kind, name in _KINDS.items() if is_kind(mode))
        raise OSError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))


def sync_directory(directory: Path) -> None:
    """Flush the names in `directory` to the disk; a power cut could lose a new file's name."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Return the descriptor of a regular file, opened with these flags and made by `os.O_CREAT`.

    Raise OSError for a folder, a FIFO, a socket or a device, which `open` could wait for.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file; raise OSError for anything else."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read()


def parse_json(content: bytes | str) -> Any:
    """Return the value of a JSON text, without what `restore_numbers` restores.

    Raise ValueError for a text that cannot be parsed, and for one that is nested so deeply that
    functions which recurse into it could fail.
    """
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if is_deep(value):
        raise ValueError("it is nested too deeply")
    return value


def is_deep(value: Any) -> bool:
    """Return whether lists and dictionaries are nested deeper than any that Segue writes."""
    level = [value]
    for _ in range(_DEEPEST):
        inner = [
            each.values() if isinstance(each, dict) else each for each in level if _holds(each)
        ]
        level = [value for values in inner for value in values]
        if not level:
            return False
    return True


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list)


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append `row` as one line of JSON, and wait until it is on the disk."""
    is_new = not path.exists()
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with os.fdopen(open_regular(path, flags), "ab") as file:
        file.write(_line(row))
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_directory(path.parent)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace the rows of `path` atomically."""
    write_atomic(path, b"".join(_line(row) for row in rows))


def read_rows(path: Path) -> list[JsonObject]:
    """Return the rows of `path` as `count_rows` does, without the number of damaged ones."""
    return count_rows(path).rows


def count_rows(path: Path) -> Rows:
    """Return the rows of `path` and how many are damaged; none where the file does not exist.

    Raise OSError as `read_regular` does.

    A kill may leave half a row at the end. It is skipped here without being counted;
    `cut_torn_row` removes it from the file, which must be done before rows are appended. Other
    lines that are not rows, as a power cut or a failing disk may leave, are counted.
    """
    try:
        lines = read_regular(path).split(b"\n")[:-1]
    except (FileNotFoundError, NotADirectoryError):
        return Rows([], 0)
    parsed = [_row(line) for line in lines]
    rows = [row for row in parsed if row is not None]
    return Rows(rows, len(lines) - len(rows))


def cut_torn_row(path: Path) -> None:
    """Remove from the end of `path` half a row that a kill left there."""
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return
    complete_rows = content[: content.rfind(b"\n") + 1]
    if complete_rows != content:
        write_atomic(path, complete_rows)


def _line(row: Mapping[str, Any]) -> bytes:
    return to_json(row).encode() + b"\n"


def _row(line: bytes) -> JsonObject | None:
    try:
        row = restore_numbers(parse_json(line))
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
