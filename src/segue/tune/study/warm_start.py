"""Trials of an earlier run, for the samplers of another to learn from."""

from pathlib import Path

from optuna.trial import FrozenTrial

from segue.record.definition import read_definition
from segue.record.layout import RunLayout
from segue.record.local_run import fetch_run
from segue.store.database import database_storage, url_with_password
from segue.tune.study.storage import disk_storage, read_trials


def trials_to_adopt(run: Path | str) -> tuple[list[FrozenTrial], str]:
    """Return the trials of a run, and where they are from.

    Raises ValueError if there are none.
    """
    layout = RunLayout(fetch_run(run).path)
    definition = read_definition(layout)
    if definition.study:
        url = definition.study["storage"]
        storage = database_storage(url_with_password(url))
        return read_trials(storage, definition.study_name, url), str(run)
    if not layout.study.is_file():
        raise ValueError(f"{run} has no study to learn from: it has no {layout.study.name}.")
    storage = disk_storage(layout.study)
    return read_trials(storage, definition.study_name, str(layout.study)), str(run)
