"""Remember on this machine which sweep file a run was started with.

A run directory may come from anyone, and a sweep file is executed: what a run directory says of its
file is not trusted. This memory lies in the user's own cache, and holds what this user started.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from segue.base.files import write_atomic


def remember_file(run: str, file: Path) -> None:
    """Remember the sweep file of a run, a folder or a URL, unless the cache cannot be written."""
    place = _place(run)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, f"{file.absolute()}\n")


def remembered_file(run: str) -> Path | None:
    """Return the sweep file that a run was started with last, if it still exists."""
    try:
        file = Path(_place(run).read_text().rstrip("\n"))
    except (OSError, ValueError):
        return None
    return file if file.is_file() else None


def _place(run: str) -> Path:
    key = run if "://" in run else str(Path(run).resolve())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "segue" / "sweep-files" / hashlib.sha256(key.encode()).hexdigest()[:16]
