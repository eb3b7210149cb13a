"""Where the study of a run is: in SQLite in the run directory, or in a given database."""

import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from optuna.storages import RDBStorage

from segue.base.files import read_rows
from segue.plan.sweeps.sweep import Sweep
from segue.record.attributes import objective_names
from segue.record.definition import read_definition
from segue.store.database import database_storage, remember_password, url_with_password
from segue.store.secrets import password_removed
from segue.tune.run.directory import RunDirectory
from segue.tune.study.record import Space, StudyRecord
from segue.tune.study.storage import disk_storage


@dataclass(frozen=True)
class StudyPlace:
    """A study's name, and the URL of its database; None for the file in the run directory."""

    name: str
    file: Path
    url: str | None = None

    @property
    def recorded(self) -> dict[str, str] | None:
        """What `sweep.json` records of the place, without the password; None for the file."""
        return {"storage": password_removed(self.url), "name": self.name} if self.url else None

    def storage(self) -> RDBStorage:
        """Open the storage; raise ValueError, in one sentence, where that fails."""
        return database_storage(self.url) if self.url else disk_storage(self.file)

    def opened(self, sweep: Sweep, space: Space, upload: Callable[[], None]) -> StudyRecord:
        """Return the study of a sweep there, created if needed; `upload` as in StudyRecord."""
        further = [mode for _, mode in sweep.objectives]
        record = StudyRecord(self.storage(), self.name, sweep.mode, space, further, upload)
        record.name_objectives(objective_names(sweep))
        return record


def study_place(run: RunDirectory, name: str, storage: str | None, *, fresh: bool) -> StudyPlace:
    """Return the place of a run's study: where it was created, unless the run is a fresh one.

    In a database, where there may be many, the study has a name of its own. Raises ValueError for a
    database that cannot be used, and for one that lacks the study of a run with results.
    """
    if storage:
        remember_password(storage)
    begun = run.definition.exists() and not fresh
    known = read_definition(run).study if begun else None
    if begun and storage and not known:
        raise ValueError(
            f"The run {run.shown} has its study in {run.study.name}: leave --storage out, or start"
            " from scratch with --fresh."
        )
    if not known:
        own = f"{name}-{secrets.token_hex(4)}" if storage else name
        return _checked(StudyPlace(own, run.study, storage and url_with_password(storage)))
    place = _checked(
        StudyPlace(known["name"], run.study, url_with_password(storage or known["storage"]))
    )
    if _has_results(run) and not _has_study(place):
        raise ValueError(
            f"The database {password_removed(place.url or '')} has no study {place.name!r}, with"
            f" which {run.shown} was started: give the right one with --storage."
        )
    return place


def _checked(place: StudyPlace) -> StudyPlace:
    if place.url:
        with closing(_Opened(place)):
            return place
    return place


class _Opened:
    def __init__(self, place: StudyPlace) -> None:
        self.storage = place.storage()

    def close(self) -> None:
        self.storage.remove_session()
        self.storage.engine.dispose()


def _has_study(place: StudyPlace) -> bool:
    with closing(_Opened(place)) as opened:
        return any(study.study_name == place.name for study in opened.storage.get_all_studies())


def _has_results(run: RunDirectory) -> bool:
    return any(read_rows(path) for path in run.all_results())
