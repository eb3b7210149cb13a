"""Where this machine keeps its copies of runs in stores."""

import hashlib
import os
from pathlib import Path

from segue.store.objects import Store


def copies_of(store: Store) -> Path:
    """The folder of this machine's copies of a run: one of its driver, one of its workers, one for
    readers.

    It lies in XDG_CACHE_HOME, ~/.cache by default; what is in it can be had from the store again.
    """
    shown = store.shown()
    name = f"{shown.rpartition('/')[2]}-{hashlib.sha256(shown.encode()).hexdigest()[:12]}"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "segue" / name
