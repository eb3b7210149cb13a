"""A driver at a run in a store: it holds the run, works on a copy of what it writes, and sends that
back.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from segue.base.files import write_atomic
from segue.record.definition import read_definition
from segue.record.layout import DEFINITION, RESULTS, STUDY, is_of_trial
from segue.store.access import check_store
from segue.store.cache import copies_of
from segue.store.lease import DRIVER, Lease, acquire
from segue.store.mirror import Mirror
from segue.store.objects import FEW_WAITS, Store, StoreError, is_url
from segue.tune.run.directory import RunDirectory
from segue.tune.run.stored import is_pulled_by_driver, snapshot


def run_at(place: Path | str) -> RunDirectory:
    """The run that is kept in a folder, or in a store; raises ValueError for a store that cannot be
    used.
    """
    if not is_url(place):
        return RunDirectory(Path(place))
    store = Store.of(str(place))
    check_store(store)
    return RunDirectory(copies_of(store) / "driver", store)


def on_worker(run: RunDirectory) -> RunDirectory:
    """The run as the worker that calls this has it: a store's in a folder of this machine, one for
    each run.
    """
    if run.store is None:
        return run
    return RunDirectory(copies_of(run.store) / run.path, run.store)


def for_workers(run: RunDirectory) -> RunDirectory:
    """The run as it is sent to workers, who make it theirs with `on_worker`."""
    if run.store is None:
        return RunDirectory(run.path.absolute())
    # After --fresh, it is another run in the same place.
    begun = json.dumps(read_definition(run).runs[0]["started"])
    return RunDirectory(Path(f"worker-{sha256(begun.encode()).hexdigest()[:12]}"), run.store)


class Driving:
    """What a run of a sweep needs of the place where it is kept; for a folder, nothing."""

    @property
    def lost(self) -> str | None:
        """Why this process must end the run, if it must."""
        return None

    def keep_study(self) -> None:
        """Have the study as it is now survive this machine."""


class _DrivingStore(Driving):
    def __init__(self, run: RunDirectory, store: Store, lease: Lease) -> None:
        self._run, self._store, self._lease = run, store, lease
        self._sent, self._sending = b"", threading.Lock()
        lease.on_renewal = self._keep_quietly

    @property
    def lost(self) -> str | None:
        return self._lease.lease_lost

    def keep_study(self) -> None:
        self._keep(self._store)

    def keep_study_for_now(self) -> None:
        """The same without much patience, where another time will do."""
        self._keep(replace(self._store, waits=FEW_WAITS))

    def _keep(self, store: Store) -> None:
        if not self._run.study.exists() or self.lost:
            return
        with self._sending:
            content = snapshot(self._run.study)
            if content != self._sent:
                store.write(STUDY, content)
                self._sent = content

    def _keep_quietly(self) -> None:
        with suppress(sqlite3.Error):  # of a study that is just begun, or moved aside
            self.keep_study_for_now()


@contextmanager
def driving(run: RunDirectory, say: Callable[[str], None]) -> Iterator[Driving]:
    """Hold a run in a store while the block runs, after what this machine lacks of it was fetched.

    Raises ValueError while another process holds it.
    """
    if run.store is None:
        yield Driving()
        return
    try:
        lease, before = acquire(run.store, say)
    except StoreError as error:
        raise ValueError(str(error)) from error
    with lease.renewing():
        _prepare(run, run.store, before)
        write_atomic(_session(run), lease.holder.session)
        kept = _DrivingStore(run, run.store, lease)
        try:
            yield kept
        except StoreError as error:
            raise ValueError(str(error)) from error
        finally:
            _keep_at_the_end(kept, say)


def _prepare(run: RunDirectory, store: Store, before: str | None) -> None:
    """Have the run's folder here hold what the store does.

    Where the driver before was of this folder, the folder's study is at least as new as the
    store's.
    """
    mine = _session(run)
    if run.path.exists() and not (before and mine.exists() and mine.read_text() == before):
        run.path.rename(run.path.with_name(f"{run.path.name}.{datetime.now():%Y%m%d-%H%M%S-%f}"))
    is_ahead = run.path.exists()
    run.path.mkdir(parents=True, exist_ok=True)
    wanted = (lambda name: is_of_trial(name, RESULTS)) if is_ahead else is_pulled_by_driver
    names = store.names()
    if names.keys() - {DRIVER} and DEFINITION not in names:
        raise ValueError(
            f"{store.shown()} holds something else than a run: choose another place with --run-dir."
        )
    try:
        Mirror(store, run.path, wanted).pull()
    except StoreError as error:
        raise ValueError(str(error)) from error


def _session(run: RunDirectory) -> Path:
    return run.path.with_name("driver.session")


def _keep_at_the_end(kept: _DrivingStore, say: Callable[[str], None]) -> None:
    try:
        kept.keep_study_for_now()
    except StoreError as error:
        say(
            f"The study's last state was not sent: {error} It is kept on this machine, and sent"
            " when the run goes on."
        )
