"""Files that survive a kill at any moment: whole replacements, and rows of JSON added one by one."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace the content of `path` so that whoever reads it finds the old one or the new one, both
    whole.

    The new content and its name are on the disk when this returns. Raises OSError.
    """
    written = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Bring the names in `directory` to the disk: a new file's content alone is not found after a
    power cut.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Add `row` as one line of JSON and wait until it is on the disk."""
    is_new = not path.exists()
    with path.open("ab") as file:
        file.write(_line(row))
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_directory(path.parent)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace the rows of `path` atomically."""
    write_atomic(path, b"".join(_line(row) for row in rows))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the whole rows of `path`, none where it does not exist.

    A kill may leave half a row at the end. It is left out here; `cut_torn_row` takes it off the
    file, which must be done before rows are added.
    """
    return list(_whole_rows(path.read_bytes())) if path.exists() else []


def cut_torn_row(path: Path) -> None:
    """Take half a row that a kill left off the end of `path`."""
    if not path.exists():
        return
    content = path.read_bytes()
    kept = content[: content.rfind(b"\n") + 1]
    if kept != content:
        write_atomic(path, kept)


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row).encode() + b"\n"


def _whole_rows(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.split(b"\n")[:-1]:
        try:
            yield json.loads(line)
        except (
            ValueError
        ):  # a page of the file that a power cut left empty: nothing after it can be trusted
            return
