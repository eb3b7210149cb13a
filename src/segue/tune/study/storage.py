"""Optuna's storages, written directly: Optuna gives a trial that runs back to no one."""

import sqlite3
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection, DatabaseError
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from segue.plan.mode import Mode
from segue.record.layout import STUDY
from segue.store.study_storage import StudyStorage

_DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}
_BUSY_SECONDS = 30.0


class StudyCopy:
    """One of the two studies, addressed by trial number.

    Optuna gives a RUNNING trial back to no one but through its storage, which is therefore written
    directly.
    """

    def __init__(self, storage: BaseStorage, name: str, modes: Sequence[Mode]) -> None:
        """Open the study `name` in the storage, or make it."""
        self.storage = storage
        self.study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=[_DIRECTIONS[mode] for mode in modes],
            load_if_exists=True,
            sampler=RandomSampler(),
        )
        self._study_id = storage.get_study_id_from_name(name)
        self._ids: dict[
            int, int
        ] = {}  # by trial number: asked for at every write, and never another

    def name_objectives(self, names: Sequence[str]) -> None:
        """Record the names of the study's values, which Optuna's tools show."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if self.study.metric_names != list(names):
                self.study.set_metric_names(list(names))

    def report(self, number: int, step: int, value: float) -> None:
        """The trial was judged at that step."""
        self.storage.set_trial_intermediate_value(self._id(number), step, value)

    def annotate(self, number: int, attributes: Mapping[str, Any]) -> None:
        """User attributes of the trial."""
        if isinstance(self.storage, StudyStorage):
            self.storage.set_trial_user_attrs(self._id(number), attributes)
            return
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(self._id(number), name, value)

    def constrain(self, number: int, name: str, value: float) -> None:
        """What a constraint says of the trial, as `Trial.set_constraint` does, which only a
        sampler's trial has.
        """
        self.storage.set_trial_system_attr(self._id(number), f"{_CONSTRAINTS_KEY}:{name}", value)

    def set_state(self, number: int, state: TrialState, values: Sequence[float] | None) -> None:
        """The trial's state, and its values where it has ended with some."""
        self.storage.set_trial_state_values(self._id(number), state, values)

    def _id(self, number: int) -> int:
        if number not in self._ids:
            self._ids[number] = self.storage.get_trial_id_from_study_id_trial_number(
                self._study_id, number
            )
        return self._ids[number]


def read_trials(storage: RDBStorage, name: str, where: str) -> list[FrozenTrial]:
    """The trials of a study, which is left as it is; its storage is let go of. Raises ValueError
    for what is none.
    """
    try:
        return optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
    except (KeyError, OptunaError) as error:
        raise ValueError(f"{where} has no study {name!r}: {error}.") from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def disk_storage(path: Path) -> RDBStorage:
    """The study in a SQLite file, which is made where it does not exist. Raises ValueError for what
    is none.
    """
    try:
        # The creator names the file: in the URL, Optuna would read braces of a path as a template.
        return StudyStorage(
            f"sqlite:///{STUDY}", engine_kwargs={"creator": partial(_connect, path)}
        )
    except (DatabaseError, SQLAlchemyError, OptunaError, RuntimeError) as error:
        said = getattr(error, "orig", None) or error  # what SQLite said, without SQLAlchemy's frame
        raise ValueError(
            f"{path} cannot be read as an Optuna study ({said}): start from scratch with --fresh."
        ) from error


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    # A kill loses nothing that was committed. A power cut may lose the last commits, never a part
    # of one; the trials' own files tell them again. Waiting for the disk at each commit would cost
    # the driver 4 ms.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection
