"""Access to Optuna's storages for what `optuna.Study` does not offer.

A study has no public way to write to a trial that was created before and is still running.
"""

import sqlite3
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import TrialState

from segue.plan.mode import Mode
from segue.record.layout import STUDY
from segue.record.study.content import unreadable
from segue.record.study.sqlite_file import BUSY_SECONDS, check_sound
from segue.store.study_storage import StudyStorage
from segue.tune.study.note import add_note

_DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}


class StudyCopy:
    """One of the two studies of a sweep, addressed by trial number.

    Optuna offers access to an existing RUNNING trial only through its storage, which is therefore
    written directly.
    """

    def __init__(self, storage: BaseStorage, name: str, modes: Sequence[Mode]) -> None:
        """Open the study `name` in the storage, or create it."""
        self.storage = storage
        self.study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=[_DIRECTIONS[mode] for mode in modes],
            load_if_exists=True,
            sampler=RandomSampler(),
        )
        self._study_id = storage.get_study_id_from_name(name)
        self._ids: dict[int, int] = {}  # by trial number; an id never changes

    def name_objectives(self, names: Sequence[str]) -> None:
        """Record the names of the study's values, which Optuna's tools show."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if self.study.metric_names != list(names):
                self.study.set_metric_names(list(names))

    def note(self, text: str) -> None:
        """Give the study a note, which optuna-dashboard shows, unless it has one."""
        add_note(self.storage, self._study_id, text)

    def report(self, number: int, step: int, value: float) -> None:
        """Record the trial's value at a step."""
        self.storage.set_trial_intermediate_value(self._id(number), step, value)

    def annotate(self, number: int, attributes: Mapping[str, Any]) -> None:
        """Record user attributes of the trial."""
        if isinstance(self.storage, StudyStorage):
            self.storage.set_trial_user_attrs(self._id(number), attributes)
            return
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(self._id(number), name, value)

    def annotate_study(self, name: str, value: Any) -> None:
        """Record a user attribute of the study."""
        self.storage.set_study_user_attr(self._study_id, name, value)

    def constrain(self, number: int, name: str, value: float) -> None:
        """Record the value of a constraint of the trial.

        Equivalent to `Trial.set_constraint`, which exists only for a trial from a sampler.
        """
        self.storage.set_trial_system_attr(self._id(number), f"{_CONSTRAINTS_KEY}:{name}", value)

    def set_state(self, number: int, state: TrialState, values: Sequence[float] | None) -> None:
        """Record the trial's state, and its values if it ended with any."""
        self.storage.set_trial_state_values(self._id(number), state, values)

    def _id(self, number: int) -> int:
        if number not in self._ids:
            self._ids[number] = self.storage.get_trial_id_from_study_id_trial_number(
                self._study_id, number
            )
        return self._ids[number]


def disk_storage(path: Path) -> RDBStorage:
    """Open the study in a SQLite file, which is created if it does not exist.

    Raises ValueError for a file that is not a study.
    """
    try:
        if path.exists():
            check_sound(path)
        # The creator opens the path: in a URL, Optuna would read its braces as a template.
        return StudyStorage(
            f"sqlite:///{STUDY}", engine_kwargs={"creator": partial(_connect, path)}
        )
    except Exception as error:  # of Optuna, SQLAlchemy or SQLite, for a damaged file
        raise refused(str(path), error) from error


def refused(shown: str, error: Exception) -> ValueError:
    """Return the refusal of a study that a run cannot continue with, since it is not sound."""
    reason = str(unreadable(shown, error)).rstrip(".")
    return ValueError(f"{reason}: restore it, or start from scratch with --fresh.")


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    # A kill loses nothing that was committed. A power cut may lose the last commits, but never a
    # part of one; they are restored from the trials' own files. Waiting for the disk at each commit
    # would cost the driver 4 ms.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection
