"""A run for reading: a folder as it is, or this machine's copy of a run in a store."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from segue.base.files import write_atomic
from segue.store.cache import copies_of
from segue.store.holder import is_driven
from segue.store.mirror import Mirror
from segue.store.objects import FEW_WAITS, Store, StoreError, bucket_of, has_bucket, is_url, reason

DRIVEN = "driven"  # the file in a copy that says a driver was at it when it was fetched
_SWEEP = "sweep.json"
_OF_A_RUN = ("trials", "answers")


@dataclass(frozen=True)
class Fetched:
    """Where a run can be read; where it is kept, if that is a store."""

    path: Path
    store: Store | None = None

    @property
    def shown(self) -> str:
        """Where the run is kept, for people."""
        return self.store.shown() if self.store else str(self.path)

    @property
    def also_kept(self) -> str:
        """Where a file that was written beside the run is kept as well, to be said after its name."""
        return f", kept in {self.store.shown()}" if self.store else ""

    def at(self, folder: str) -> Path | str:
        """A folder of the run, where it is kept."""
        return self.store.at(folder).url if self.store else self.path / folder

    def keep(self, *names: str) -> None:
        """Have those files that were written beside the run kept with it."""
        for name in names:
            if self.store and (self.path / name).is_file():
                self.store.write(name, (self.path / name).read_bytes())


def fetched(run: str | Path, also: tuple[str, ...] = ()) -> Fetched:
    """A run, to be read: what is in a store is copied first, but for checkpoints, which are large.

    Of folders in `also`, everything is copied.
    Raises ValueError for a store that cannot be reached, and for one without a run.
    """
    if not is_url(run):
        return Fetched(Path(run))
    kept = Store.of(str(run))
    store = replace(kept, waits=FEW_WAITS)  # reading can be asked for again
    folder = copies_of(store) / "reader"
    try:
        if not has_bucket(store):
            raise ValueError(f"The bucket {bucket_of(store)!r} of {store.shown()} does not exist.")
        _begin(store, folder)
        Mirror(store, folder, lambda name: is_read(name) or name.startswith(also)).pull()
        _note(folder / DRIVEN, is_driven(store))
    except StoreError as error:
        raise ValueError(str(error)) from error
    except OSError as error:
        raise ValueError(f"The store {store.shown()} cannot be read ({reason(error)}).") from error
    return Fetched(folder, kept)


def is_read(name: str) -> bool:
    """Whether an object of a run is fetched unasked."""
    inside, _, _ = name.partition("/")
    return not name.endswith(".pt") and (inside == name or inside in _OF_A_RUN)


def _begin(store: Store, folder: Path) -> None:
    """Make the folder; a copy of another run, which was there before, is thrown away."""
    asked = store.read(_SWEEP)
    if asked is None:
        raise ValueError(f"{store.shown()} is no run: it has no {_SWEEP}.")
    if (folder / _SWEEP).exists() and _first(asked) != _first((folder / _SWEEP).read_bytes()):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _first(content: bytes) -> object:
    try:
        return json.loads(content)["runs"][0]["started"]
    except (ValueError, LookupError, TypeError):
        return None


def _note(path: Path, driven: bool) -> None:
    if driven:
        write_atomic(path, "")
    else:
        path.unlink(missing_ok=True)
