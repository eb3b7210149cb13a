"""A run that can be read on this machine: its own folder, or a copy of a run in a store."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from segue.base.files import write_atomic
from segue.base.lock import LockedError, locked
from segue.record.files.definition import first_start
from segue.record.layout import DECISIONS, DEFINITION, TRIALS, RunLayout
from segue.record.validation import read_file
from segue.store.cache import copies_of
from segue.store.lease import has_driver
from segue.store.mirror import Mirror
from segue.store.objects import FEW_WAITS, Store, StoreError, bucket_of, has_bucket, is_url, reason

_FETCHED_FOLDERS = (TRIALS, DECISIONS)


@dataclass(frozen=True)
class LocalRun:
    """A run in the folder `path` of this machine, copied from `store` unless that is None."""

    path: Path
    store: Store | None = None

    @property
    def shown(self) -> str:
        """The folder or the URL of the run, as messages show it."""
        return self.store.shown() if self.store else str(self.path)

    @property
    def also_stored(self) -> str:
        """The clause that follows a file's path in a message, naming the store; "" without one."""
        return f", stored in {self.store.shown()}" if self.store else ""

    def at(self, folder: str) -> Path | str:
        """Return the path or the URL of a folder inside the run."""
        return self.store.at(folder).url if self.store else self.path / folder

    def upload(self, *names: str) -> None:
        """Upload these files of the local folder, as far as they exist. Raises StoreError."""
        if self.store is None:
            return
        for name in names:
            path = self.path / name
            if path.is_file():
                self.store.write(name, path.read_bytes())


def fetch_run(run: str | Path, also: tuple[str, ...] = ()) -> LocalRun:
    """Return a run for reading; a run in a store is copied to this machine first.

    Checkpoints are large and are not copied, except those in the folders `also` (such as
    "trials/0001/"). Raises ValueError for an unavailable store, and for one without a run.
    """
    if not is_url(run):
        return LocalRun(Path(run))
    patient_store = Store.of(str(run))
    store = replace(patient_store, waits=FEW_WAITS)  # a reader can simply try again
    folder = copies_of(store) / "reader"
    try:
        if not has_bucket(store):
            raise ValueError(f"The bucket {bucket_of(store)!r} of {store.shown()} does not exist.")
        _prepare(store, folder)
        Mirror(
            store, folder, lambda name: is_fetched_by_default(name) or name.startswith(also)
        ).pull()
        _mark(RunLayout(folder).driven, has_driver(store))
    except StoreError as error:
        raise ValueError(str(error)) from error
    except OSError as error:
        raise ValueError(f"The store {store.shown()} cannot be read ({reason(error)}).") from error
    return LocalRun(folder, patient_store)


def is_running(run: Path) -> bool:
    """Return whether a driver holds the run directory.

    For a copy from a store: whether one did when the copy was made.
    """
    if RunLayout(run).driven.exists():
        return True
    try:
        with locked(RunLayout(run).lock):
            return False
    except LockedError:
        return True
    except OSError:  # a directory that one may only read
        return False


def is_fetched_by_default(name: str) -> bool:
    """Return whether an object of a run is copied without being named: all but checkpoints."""
    folder, _, _ = name.partition("/")
    return not name.endswith(".pt") and (folder == name or folder in _FETCHED_FOLDERS)


def _prepare(store: Store, folder: Path) -> None:
    """Make the folder, and remove the copy of an earlier run that had the same URL."""
    definition = store.read(DEFINITION)
    copy = RunLayout(folder).definition
    if definition is None:
        raise ValueError(f"{store.shown()} is not a run: it has no {DEFINITION}.")
    if copy.exists() and first_start(definition) != first_start(read_file(copy) or b""):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _mark(path: Path, is_driven: bool) -> None:
    if is_driven:
        write_atomic(path, "")
    else:
        path.unlink(missing_ok=True)
