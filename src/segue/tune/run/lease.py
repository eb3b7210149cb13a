"""The lease of a run in a store; its driver works on a copy of the run, and uploads it."""

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
from segue.record.files.definition import read_definition
from segue.record.kinds import is_of_trial
from segue.record.layout import DEFINITION, RESULTS, STUDY
from segue.store.access import check_store
from segue.store.cache import copies_of
from segue.store.lease import DRIVER, Lease, acquire
from segue.store.mirror import Mirror
from segue.store.objects import FEW_WAITS, Store, StoreError, is_url
from segue.tune.run.directory import RunDirectory
from segue.tune.run.stored import is_pulled_by_driver, snapshot


def run_at(place: Path | str) -> RunDirectory:
    """Return the run in a folder or a store; raise ValueError for an unusable store."""
    if not is_url(place):
        return RunDirectory(Path(place))
    store = Store.of(str(place))
    check_store(store)
    return RunDirectory(copies_of(store) / "driver", store)


def on_worker(run: RunDirectory) -> RunDirectory:
    """Return the run as its worker on this machine accesses it.

    A run in a store has a separate folder on the worker's machine.
    """
    if run.store is None:
        return run
    return RunDirectory(copies_of(run.store) / run.path, run.store)


def for_workers(run: RunDirectory) -> RunDirectory:
    """Return the run as it is sent to workers, which pass it to `on_worker`."""
    if run.store is None:
        return RunDirectory(run.path.absolute())
    # After --fresh, it is another run in the same place.
    started = json.dumps(read_definition(run).runs[0]["started"])
    return RunDirectory(Path(f"worker-{sha256(started.encode()).hexdigest()[:12]}"), run.store)


class RunLease:
    """The right to run a sweep, held by this process; for a run in a folder, its lock suffices."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    @property
    def lost(self) -> str | None:
        """Why this process must end the run, if it must: nothing can be written to it any more."""
        try:
            self._run.definition.stat()
        except FileNotFoundError:
            return f"{self._run.path} was removed or renamed during the sweep."
        except OSError:  # of a file system that does not answer for a moment
            return None
        return None

    def upload_study(self) -> None:
        """Upload the study as it is now, so that it outlasts this machine."""


class _StoreRunLease(RunLease):
    def __init__(self, run: RunDirectory, store: Store, lease: Lease) -> None:
        super().__init__(run)
        self._store = store
        self._lease = lease
        self._uploaded = b""
        self._uploading = threading.Lock()
        lease.on_renewal = self._upload_on_renewal

    @property
    def lost(self) -> str | None:
        return self._lease.lease_lost or super().lost

    def upload_study(self) -> None:
        self._upload(self._store)

    def upload_study_soon(self) -> None:
        """Upload the study with few retries, where a later upload will do."""
        self._upload(replace(self._store, waits=FEW_WAITS))

    def _upload(self, store: Store) -> None:
        if not self._run.study.exists() or self.lost:
            return
        with self._uploading:
            content = snapshot(self._run.study)
            if content != self._uploaded:
                store.write(STUDY, content)
                self._uploaded = content

    def _upload_on_renewal(self) -> None:
        with suppress(sqlite3.Error):  # of a study that is being created, or moved aside
            self.upload_study_soon()


@contextmanager
def hold_run(run: RunDirectory, notify: Callable[[str], None]) -> Iterator[RunLease]:
    """Hold a run in a store while the block runs, after fetching what this machine lacks of it.

    Raises ValueError while another process holds it.
    """
    if run.store is None:
        yield RunLease(run)
        return
    try:
        lease, before = acquire(run.store, notify)
    except StoreError as error:
        raise ValueError(str(error)) from error
    with lease.renewing():
        _prepare(run, run.store, before)
        write_atomic(_session(run), lease.holder.session)
        held = _StoreRunLease(run, run.store, lease)
        try:
            yield held
        except StoreError as error:
            raise ValueError(str(error)) from error
        finally:
            _upload_at_the_end(held, notify)


def _prepare(run: RunDirectory, store: Store, before: str | None) -> None:
    """Update the run's folder on this machine to the state of the store.

    If the previous driver used this folder, the folder's study is at least as new as the store's,
    unless the folder was removed meanwhile.
    """
    mine = _session(run)
    is_mine = before and mine.exists() and mine.read_text() == before and run.definition.exists()
    if run.path.exists() and not is_mine:
        run.path.rename(run.path.with_name(f"{run.path.name}.{datetime.now():%Y%m%d-%H%M%S-%f}"))
    is_ahead = run.path.exists()
    run.path.mkdir(parents=True, exist_ok=True)
    wanted = (lambda name: is_of_trial(name, RESULTS)) if is_ahead else is_pulled_by_driver
    names = store.names()
    if names.keys() - {DRIVER} and DEFINITION not in names:
        raise ValueError(
            f"{store.shown()} contains objects but is not a run: choose another URL with --run-dir."
        )
    try:
        Mirror(store, run.path, wanted).pull()
    except StoreError as error:
        raise ValueError(str(error)) from error


def _session(run: RunDirectory) -> Path:
    return run.path.with_name("driver.session")


def _upload_at_the_end(lease: _StoreRunLease, notify: Callable[[str], None]) -> None:
    try:
        lease.upload_study_soon()
    except (StoreError, sqlite3.Error) as error:
        notify(
            f"The study's last state was not uploaded: {error} It is stored on this machine, and"
            " uploaded when the run resumes."
        )
