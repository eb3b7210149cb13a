"""Trials of an earlier run, for the samplers of another to learn from."""

import json
from pathlib import Path

from optuna.trial import FrozenTrial

from segue.store.database import database_storage, url_with_password
from segue.store.local_run import fetch_run
from segue.tune.study.storage import disk_storage, read_trials


def trials_to_adopt(run: Path | str) -> tuple[list[FrozenTrial], str]:
    """The trials of a run directory, and where they are from; raises ValueError where there are
    none to be found.
    """
    folder = fetch_run(run).path
    definition, file = folder / "sweep.json", folder / "study.db"
    recorded = json.loads(definition.read_text()) if definition.is_file() else {}
    study = recorded.get("study")
    if not recorded or not (study or file.is_file()):
        raise ValueError(
            f"{run} is no run directory to start from: it has no sweep.json or no study.db."
        )
    if study:
        storage = database_storage(url_with_password(study["storage"]))
        return read_trials(storage, study["name"], study["storage"]), str(run)
    return read_trials(disk_storage(file), recorded["name"], str(file)), str(run)
