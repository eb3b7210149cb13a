"""The folders in which this machine stores its copies of runs in stores."""

import hashlib
import os
from pathlib import Path

from segue.store.objects import Store


def copies_of(store: Store) -> Path:
    """Return the folder of this machine's copies of a run: for its driver, its workers and readers.

    It lies in XDG_CACHE_HOME, ~/.cache by default. Its content can be fetched again.
    """
    shown = store.shown()
    name = f"{shown.rpartition('/')[2]}-{hashlib.sha256(shown.encode()).hexdigest()[:12]}"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "segue" / name
