"""A folder on this machine that is synchronized with a store, in either direction."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from segue.base.files import write_atomic
from segue.base.paths import inside
from segue.store.objects import Entry, Store

_EXCLUDED = ("lock",)
_UNKNOWN = Entry(-1, 0)  # of a file that must be uploaded again
_PARALLEL_TRANSFERS = 8
Rank = Callable[[str], int]


def checkpoints_last(name: str) -> int:
    """Return a rank by which a checkpoint is uploaded after the rows that precede it."""
    return int(name.endswith(".pt"))


def checkpoints_first(name: str) -> int:
    """Return a rank by which a checkpoint is uploaded before the files that name it."""
    return -int(name.endswith(".pt"))


class Mirror:
    """A folder of which this process is the only writer, and a store's objects of the same names.

    `pull` copies the store to the folder, `push` the folder to the store, in the order of `rank`.
    `wanted` selects the names; by default, all of them. `lasting` selects those that the writer
    never removes.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        wanted: Callable[[str], bool] = lambda name: True,
        rank: Rank = lambda _: 0,
        lasting: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self.store = store
        self.folder = folder
        self._wanted = wanted
        self._rank = rank
        self._lasting = lasting
        self._uploaded: dict[str, Entry] = {}

    def pull(self, *, keep_ahead: bool = False) -> None:
        """Download every object that differs from the folder's file.

        Raises StoreError, and ValueError for an object whose name leads out of the folder.

        With `keep_ahead`, a file that begins with the content of its object stays as it is: what
        was appended could not be uploaded yet.
        """
        listed = {name: entry for name, entry in self.store.names().items() if self._wanted(name)}
        _in_parallel(lambda name: self._download(name, listed[name], keep_ahead), listed)
        for name, entry in listed.items():
            path = self.folder / name
            if path.exists():  # the object may have been removed since it was listed
                self._uploaded[name] = entry if _entry(path) == entry else _UNKNOWN

    def push(self) -> None:
        """Upload new and changed files whole, by rank; then remove the objects of deleted files.

        Raises StoreError, and FileNotFoundError if a lasting file has been removed: the others of
        the folder may lack as much, so that the store is left as it is.
        """
        files = {name: _entry(self.folder / name) for name in self._names()}
        deleted = self._uploaded.keys() - files.keys()
        for name in filter(self._lasting, deleted):
            raise FileNotFoundError(f"{self.folder / name} was removed while it was in use.")
        changed = [name for name, entry in files.items() if self._uploaded.get(name) != entry]
        for rank in sorted({self._rank(name) for name in changed}):
            _in_parallel(self._upload, [name for name in changed if self._rank(name) == rank])
        _in_parallel(self.store.remove, deleted)
        for name in deleted:
            del self._uploaded[name]

    def _upload(self, name: str) -> None:
        path = self.folder / name
        # Looked up before the content is read: a later write is then uploaded by the next push.
        entry = _entry(path)
        self.store.write(name, path.read_bytes())
        self._uploaded[name] = entry

    def _download(self, name: str, entry: Entry, keep_ahead: bool) -> None:
        path = inside(self.folder, name, self.store.shown())
        if path.exists() and _entry(path) == entry:
            return
        content = self.store.read(name)
        if content is None:
            return
        if keep_ahead and path.exists() and path.read_bytes().startswith(content):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
        os.utime(path, ns=(entry.modified_ns, entry.modified_ns))

    def _names(self) -> list[str]:
        files = (
            path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".tmp"
        )
        names = (path.relative_to(self.folder).as_posix() for path in files)
        return sorted(name for name in names if name not in _EXCLUDED and self._wanted(name))


def _entry(path: Path) -> Entry:
    status = path.stat()
    return Entry(status.st_size, status.st_mtime_ns)


def _in_parallel(transfer: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_PARALLEL_TRANSFERS) as pool:
        list(pool.map(transfer, names))
