"""What keeps a trial's files, and the driver's, where the run is kept: nothing for a folder,
mirrors for a store.
"""

import json
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from segue.base.files import write_atomic
from segue.store.lease import DRIVER
from segue.store.mirror import Mirror, checkpoints_first, checkpoints_last
from segue.store.objects import FEW_WAITS, Store, StoreError

STUDY = "study.db"
HPARAMS = "events.out.tfevents.9999999999.hparams"
_OF_TRIALS = ("/results.jsonl", f"/{HPARAMS}")


class KeptTrial:
    """A trial in a folder that is the run's own: there is nothing to do."""

    def begin(self) -> None:
        """Before an attempt: what earlier ones left is in the folder."""

    def keep(self) -> None:
        """Before a report: what it rests on is kept."""

    def keep_what_can_be(self) -> None:
        """Before the trial ends without a report that it could go on from."""
        with suppress(StoreError):
            self.keep()

    def hear(self) -> None:
        """After a report: what the driver said to it is in the folder."""


class StoredTrial(KeptTrial):
    """A trial in a folder of its worker's machine, kept in a store.

    The order of a report is that on a disk: the row is in the store, then the checkpoint is, then
    the report is made.
    """

    def __init__(self, store: Store, run: Path, inside: str, answers: str) -> None:
        self._store, self._run, self._answers = store, run, answers
        self._mirror = Mirror(store.at(inside), run / inside, rank=checkpoints_last)

    def begin(self) -> None:
        """Bring the folder to where the store is; what could not be sent from here before stays."""
        self._mirror.pull(keep_ahead=True)
        self.hear()

    def keep(self) -> None:
        """Send what is new; raises StoreError."""
        self._mirror.push()

    def keep_what_can_be(self) -> None:
        """Send what is new without much patience: the trial is at its end, or the machine is going."""
        self._mirror.store = replace(self._mirror.store, waits=FEW_WAITS)
        super().keep_what_can_be()

    def hear(self) -> None:
        """Fetch what the driver has told the trial, after the checkpoints that it names."""
        said = self._store.read(self._answers)
        if said is None:
            return
        path = self._run / self._answers
        path.parent.mkdir(parents=True, exist_ok=True)
        for exploit in json.loads(said).get("exploits", []):
            checkpoint = path.with_name(Path(exploit["checkpoint"]).name)
            if not checkpoint.exists():
                content = self._store.read(f"{path.parent.name}/{checkpoint.name}")
                write_atomic(checkpoint, content or b"")
        write_atomic(path, said)


def driver_mirror(store: Store, run: Path) -> Mirror:
    """What only the driver writes, but for the study: what was asked, and what it told the trials."""
    return Mirror(store, run, _is_drivers, rank=checkpoints_first)


def is_pulled_by_driver(name: str) -> bool:
    """What a driver needs of a run that it continues."""
    return (
        _is_drivers(name)
        or name == STUDY
        or (name.startswith("trials/") and name.endswith(_OF_TRIALS))
    )


def _is_drivers(name: str) -> bool:
    inside, _, _ = name.partition("/")
    is_definition = inside == name and (name.startswith(("sweep", "uncommitted-")))
    return is_definition or inside == "answers"


def move_aside(store: Store, stamp: str) -> None:
    """Give every object of a run another folder, but for the one that says who drives it; nothing
    is deleted.
    """
    folder = f"{store.shown().rpartition('/')[2]}.{stamp}"
    for name in store.names():
        if name != DRIVER:
            store.rename(name, f"{folder}/{name}")


def newest(checkpoints: Iterable[Path]) -> Path | None:
    """The newest of a trial's checkpoints, in its newest generation."""
    return max(
        checkpoints,
        key=lambda path: (len(path.parent.name), path.parent.name, path.name),
        default=None,
    )


def fetched_checkpoint(store: Store, folder: Path) -> Path | None:
    """The newest checkpoint in a trial's store, fetched into its folder in place of older ones."""
    latest = newest(
        Path(name) for name in store.names() if Path(name).match("checkpoints*/checkpoint-*.pt")
    )
    content = None if latest is None else store.read(latest.as_posix())
    if latest is None or content is None:
        return None
    for older in folder.glob("checkpoints*/checkpoint-*.pt"):
        older.unlink()
    (folder / latest.parent).mkdir(parents=True, exist_ok=True)
    write_atomic(folder / latest, content)
    return folder / latest


def snapshot(path: Path) -> bytes:
    """A SQLite file as it is between two transactions, in one piece."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, STUDY)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(whole)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        return whole.read_bytes()
