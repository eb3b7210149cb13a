"""Artifacts of a study, which Optuna records and optuna-dashboard shows."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.artifacts import (
    ArtifactMeta,
    FileSystemArtifactStore,
    get_all_artifact_meta,
    upload_artifact,
)
from optuna.exceptions import ExperimentalWarning

from segue.base.lock import LockedError, locked
from segue.record.files.definition import read_definition
from segue.record.study.content import close_storage
from segue.tune.run.directory import RunDirectory
from segue.tune.study.place import study_place
from segue.tune.study.storage import disk_storage


def attach(run: RunDirectory, file: Path) -> None:
    """Add a file to the study of a run as an artifact, or replace one of the same name.

    Raise ValueError for a run in a store, and for one that is running: its driver alone writes the
    study.
    """
    if run.store:
        raise ValueError(f"{run.shown} is in a store: --attach needs a run in a folder.")
    with _opened(run) as study, warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        run.artifacts.mkdir(exist_ok=True)
        store = FileSystemArtifactStore(run.artifacts)
        for known in _known(study):
            if known.filename == file.name:
                with file.open("rb") as content:
                    store.write(known.artifact_id, content)
                return
        upload_artifact(artifact_store=store, file_path=str(file), study_or_trial=study)


def _known(study: optuna.Study) -> list[ArtifactMeta]:
    try:
        return get_all_artifact_meta(study)
    except TypeError:  # the dashboard has deleted one, which Optuna cannot list
        return []


@contextmanager
def _opened(run: RunDirectory) -> Iterator[optuna.Study]:
    """Open the study of a run whose lock this process holds while the block runs."""
    name = read_definition(run).name
    try:
        with locked(run.lock), study_place(run, name, None, fresh=False) as place:
            storage = place.database or disk_storage(place.file)
            try:
                yield optuna.load_study(study_name=place.name, storage=storage)
            finally:
                close_storage(storage)
    except LockedError as error:
        raise ValueError(
            f"{run.shown} is running: attach the video once the sweep has ended."
        ) from error
