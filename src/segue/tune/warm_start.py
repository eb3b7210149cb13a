"""Trials of an earlier run, for the samplers of another to learn from."""

import json
from pathlib import Path

from optuna.trial import FrozenTrial

from segue.tune.study_copy import read_trials


def trials_to_adopt(run: Path) -> tuple[list[FrozenTrial], str]:
    """The trials of a run directory, and where they are from; raises ValueError where there are none to be found."""
    definition, study = run / "sweep.json", run / "study.db"
    if not definition.is_file() or not study.is_file():
        raise ValueError(f"{run} is no run directory to start from: it has no sweep.json or no study.db.")
    name = str(json.loads(definition.read_text())["name"])
    return read_trials(study, name), str(run)
