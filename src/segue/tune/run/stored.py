"""Synchronization of a run with its store: mirrors of the trials' files and of the driver's."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from segue.base.files import write_atomic
from segue.base.paths import inside
from segue.record.checkpoints import is_best_checkpoint, is_checkpoint, newest
from segue.record.files.prefixes import MANIFEST
from segue.record.kinds import is_decision, is_definition, is_of_trial, is_shared_training
from segue.record.layout import (
    DECISIONS,
    DEFINITION,
    HPARAMS,
    LOCK,
    PREFIXES,
    RESULTS,
    STUDY,
    RunLayout,
    TrialLayout,
    trial_name,
)
from segue.store.lease import DRIVER
from segue.store.mirror import Mirror, checkpoints_first, checkpoints_last
from segue.store.objects import FEW_WAITS, Store, StoreError
from segue.tune.run.decisions import checkpoints_named_in


class TrialSync:
    """Synchronizes the files of a trial with the run's store.

    It does nothing for a run without a store.
    """

    def begin(self) -> None:
        """Prepare the folder for an attempt, with the files of earlier attempts."""

    def upload(self) -> None:
        """Upload what is new, before a report that rests on it.

        Raises StoreError where that fails, and FileNotFoundError where files were removed.
        """

    def upload_if_possible(self) -> None:
        """Upload what is new before the trial ends without a report that it could resume from."""
        with suppress(StoreError, FileNotFoundError):
            self.upload()

    def fetch_decisions(self) -> None:
        """Fetch the driver's decisions on the trial, after a report."""

    def fetch_prefix(self, key: str) -> None:
        """Fetch the training of this key, with which the trial begins."""


class StoreTrialSync(TrialSync):
    """Synchronizes a trial in a folder of its worker's machine with the run's store.

    The order of a report is that on a disk: the row is in the store, then the checkpoint is, then
    the report is made.
    """

    def __init__(self, store: Store, run: RunLayout, number: int) -> None:
        self._store = store
        self._run = run
        self._trial = run.trial(number)
        self._decisions = run.decisions(number)
        self._mirror = Mirror(
            store.at(trial_name(number)),
            self._trial.path,
            lambda name: name != LOCK,
            rank=checkpoints_last,
            lasting=lambda name: name == RESULTS,
        )

    def begin(self) -> None:
        """Update the folder to the state of the store; files that were not uploaded yet remain.

        Checkpoints without a file of rows do not: the rows before them were removed, and a trial
        that resumed from one would lack those that the store does not have.
        """
        if not self._trial.results.exists():
            for checkpoint in [*self._trial.all_checkpoints(), *self._trial.best_checkpoints()]:
                checkpoint.unlink(missing_ok=True)
        self._mirror.pull(keep_ahead=True)
        self.fetch_decisions()

    def upload(self) -> None:
        """Upload what is new, unless the rows that the store has were removed here."""
        self._mirror.push()

    def upload_if_possible(self) -> None:
        """Upload what is new with few retries: the trial is at its end, or the machine is."""
        self._mirror.store = replace(self._mirror.store, waits=FEW_WAITS)
        super().upload_if_possible()

    def fetch_decisions(self) -> None:
        """Fetch the driver's decisions on the trial, after the checkpoints that they name."""
        path = self._decisions
        content = self._store.read(f"{DECISIONS}/{path.name}")
        if content is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in checkpoints_named_in(content):
            checkpoint = inside(path.parent, name)
            if not checkpoint.exists():
                copy = self._store.read(f"{DECISIONS}/{checkpoint.name}")
                write_atomic(checkpoint, copy or b"")
        write_atomic(path, content)

    def fetch_prefix(self, key: str) -> None:
        """Fetch the training of this key; files that are already here are not fetched again."""
        Mirror(self._store.at(f"{PREFIXES}/{key}"), self._run.prefix(key)).pull()


def driver_mirror(store: Store, run: Path) -> Mirror:
    """Return the mirror of the files that only the driver writes, except for the study.

    They are the definition, the decisions, and what trials share.
    """
    return Mirror(store, run, _is_drivers, rank=_rank, lasting=lambda name: name == DEFINITION)


def is_pulled_by_driver(name: str) -> bool:
    """Return whether a driver that resumes a run needs this file."""
    return _is_drivers(name) or name == STUDY or is_of_trial(name, RESULTS, HPARAMS)


def _is_drivers(name: str) -> bool:
    return is_definition(name) or is_decision(name) or is_shared_training(name)


def _rank(name: str) -> int:
    """Return a rank by which what names other files is uploaded after them."""
    return 1 if name.endswith(f"/{MANIFEST}") else checkpoints_first(name)


def move_aside(store: Store, stamp: str) -> None:
    """Move every object of a run to another folder, except for the driver's lease.

    Nothing is deleted.
    """
    folder = f"{store.shown().rpartition('/')[2]}.{stamp}"
    for name in store.names():
        if name != DRIVER:
            store.rename(name, f"{folder}/{name}")


def fetched_checkpoint(store: Store, trial: TrialLayout) -> Path | None:
    """Fetch the newest checkpoint in a trial's store into its folder, in place of older ones."""
    return _fetched(store, trial, is_checkpoint, trial.all_checkpoints())


def fetched_best_checkpoint(store: Store, trial: TrialLayout) -> Path | None:
    """Fetch the best checkpoint in a trial's store into its folder, in place of an older one."""
    return _fetched(store, trial, is_best_checkpoint, trial.best_checkpoints())


def _fetched(
    store: Store, trial: TrialLayout, is_wanted: Callable[[str], bool], known: Iterable[Path]
) -> Path | None:
    latest = newest(Path(name) for name in store.names() if is_wanted(name))
    content = None if latest is None else store.read(latest.as_posix())
    if latest is None or content is None:
        return None
    copy = inside(trial.path, latest.as_posix(), store.shown())
    for older in known:
        older.unlink()
    copy.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(copy, content)
    return copy


def snapshot(path: Path) -> bytes:
    """Return a SQLite file as it is between two transactions, in one piece."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, STUDY)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(whole)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        return whole.read_bytes()
