"""A folder on this machine that follows a store, and that a store follows."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from segue.base.files import write_atomic
from segue.store.objects import Entry, Store

_NEVER = ("lock",)
_UNKNOWN = Entry(-1, 0)  # of a file that is sent again
_TOGETHER = 8  # objects on their way at a time
Rank = Callable[[str], int]


def checkpoints_last(name: str) -> int:
    """A checkpoint is in the store only when the rows before it are."""
    return int(name.endswith(".pt"))


def checkpoints_first(name: str) -> int:
    """What names a checkpoint is in the store only when the checkpoint is."""
    return -int(name.endswith(".pt"))


class Mirror:
    """A folder of which this process is the only writer, and the objects of a store under the same
    names.

    `push` sends what is new in the order of `rank`, then takes away what the folder has no more.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        wanted: Callable[[str], bool] = lambda name: True,
        rank: Rank = lambda _: 0,
    ) -> None:
        self.store, self.folder = store, folder
        self._wanted, self._rank = wanted, rank
        self._sent: dict[str, Entry] = {}

    def pull(self, *, keep_ahead: bool = False) -> None:
        """Bring the folder to where the store is.

        With `keep_ahead`, a file that begins with what the store has of it stays: it could not be
        sent yet.
        """
        listed = {name: entry for name, entry in self.store.names().items() if self._wanted(name)}
        _together(lambda name: self._fetch(name, listed[name], keep_ahead), listed)
        for name, entry in listed.items():
            if (self.folder / name).exists():  # it may have gone since it was listed
                now = _entry(self.folder / name)
                self._sent[name] = now if now == entry else _UNKNOWN

    def push(self) -> None:
        """Bring the store to where the folder is: each object whole, by rank; then remove what is
        gone.
        """
        found = {name: _entry(self.folder / name) for name in self._names()}
        new = [name for name, entry in found.items() if self._sent.get(name) != entry]
        for rank in sorted({self._rank(name) for name in new}):
            _together(self.send, [name for name in new if self._rank(name) == rank])
        gone = self._sent.keys() - found.keys()
        _together(self.store.remove, gone)
        for name in gone:
            del self._sent[name]

    def send(self, name: str) -> None:
        """Send one file."""
        entry = _entry(
            self.folder / name
        )  # before it is read: what is written meanwhile is sent next time
        self.store.write(name, (self.folder / name).read_bytes())
        self._sent[name] = entry

    def _fetch(self, name: str, entry: Entry, keep_ahead: bool) -> None:
        path = self.folder / name
        if path.exists() and _entry(path) == entry:
            return
        content = self.store.read(name)
        if content is None or (
            keep_ahead and path.exists() and path.read_bytes().startswith(content)
        ):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
        os.utime(path, ns=(entry.modified_ns, entry.modified_ns))

    def _names(self) -> list[str]:
        found = (
            path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".tmp"
        )
        names = (path.relative_to(self.folder).as_posix() for path in found)
        return sorted(name for name in names if name not in _NEVER and self._wanted(name))


def _entry(path: Path) -> Entry:
    about = path.stat()
    return Entry(about.st_size, about.st_mtime_ns)


def _together(act: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_TOGETHER) as pool:
        list(pool.map(act, names))
