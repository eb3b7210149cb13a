"""Where the study of a run is stored: in SQLite in the run directory, or in a given database."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from optuna.storages import RDBStorage

from segue.base.files import read_rows
from segue.plan.sweeps.sweep import Sweep
from segue.record.files.definition import read_definition
from segue.record.study.attributes import objective_names
from segue.record.study.content import close_storage
from segue.record.study.sqlite_file import has_trials
from segue.store.database import database_storage, remember_password, url_with_password
from segue.store.secrets import password_removed
from segue.tune.run.directory import RunDirectory
from segue.tune.study.open_study import Space
from segue.tune.study.record import StudyRecord
from segue.tune.study.storage import disk_storage, refused


@dataclass(frozen=True)
class StudyPlace:
    """The name of a study, and where it is stored: a file, or a database that has been opened."""

    name: str
    file: Path
    url: str | None = None
    database: RDBStorage | None = None

    @property
    def recorded(self) -> dict[str, str] | None:
        """The entry of `sweep.json`, without the password; None for the file."""
        return {"storage": password_removed(self.url), "name": self.name} if self.url else None

    def opened(self, sweep: Sweep, space: Space, upload: Callable[[], None]) -> StudyRecord:
        """Return the study of a sweep, created if it does not exist; `upload` as in StudyRecord.

        Raise ValueError for a file that cannot be used.
        """
        storage = self.database or disk_storage(self.file)
        further = [mode for _, mode in sweep.objectives]
        record = StudyRecord(storage, self.name, sweep.mode, space, further, upload)
        record.name_objectives(objective_names(sweep))
        return record


@contextmanager
def study_place(
    run: RunDirectory, name: str, storage: str | None, *, fresh: bool
) -> Iterator[StudyPlace]:
    """Find where the study of a run is stored, and open the database while the block runs.

    The place stays the same until the run is started from scratch. In a database, where there may
    be many studies, the study has a unique name. Raise ValueError for a database that cannot be
    used, and for one that lacks the study of a run with results.
    """
    if storage:
        remember_password(storage)
    known = _recorded_study(run, storage, fresh)
    if known is None and not storage:
        if not fresh:
            _check_file(name, run)
        yield StudyPlace(name, run.study)
        return
    url = url_with_password(storage or (known or {})["storage"])
    unique_name = known["name"] if known else f"{name}-{secrets.token_hex(4)}"
    with _opened_database(url) as database:
        place = StudyPlace(unique_name, run.study, url, database)
        if known:
            _check_study(place, database, run)
        yield place


def _recorded_study(
    run: RunDirectory, storage: str | None, fresh: bool
) -> Mapping[str, str] | None:
    """Return the database and the name that the run recorded, if it has a study in a database."""
    if fresh or not run.definition.exists():
        return None
    known = read_definition(run).study
    if storage and not known:
        raise ValueError(
            f"The run {run.shown} has its study in {run.study.name}: leave --storage out, or start"
            " from scratch with --fresh."
        )
    return known


@contextmanager
def _opened_database(url: str) -> Iterator[RDBStorage]:
    database = database_storage(url)
    try:
        yield database
    finally:
        close_storage(database)


def _check_study(place: StudyPlace, database: RDBStorage, run: RunDirectory) -> None:
    if not _has_results(run):
        return
    names = [study.study_name for study in database.get_all_studies()]
    database.remove_session()  # the study is read again when the run is locked
    if place.name not in names:
        raise ValueError(
            f"The database {password_removed(place.url or '')} has no study {place.name!r}, with"
            f" which {run.shown} was started: give the right one with --storage."
        )


def _check_file(name: str, run: RunDirectory) -> None:
    """Raise ValueError where the study of a run with results is lost: it would be made anew."""
    if not _has_results(run):
        return
    try:
        is_there = has_trials(run.study, name)
    except (OSError, sqlite3.Error) as error:
        raise refused(str(run.study), error) from error
    if not is_there:
        raise ValueError(
            f"{run.study} has no trials of {name!r}, although trials of the run have results:"
            " restore it, or start from scratch with --fresh, which keeps the old run."
        )


def _has_results(run: RunDirectory) -> bool:
    return any(_has_rows(path) for path in run.all_results())


def _has_rows(path: Path) -> bool:
    try:
        return bool(read_rows(path))
    except OSError:
        return False
