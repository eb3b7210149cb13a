"""Trials of an earlier run, for the samplers of another to learn from."""

from collections.abc import Callable
from pathlib import Path

from optuna.trial import FrozenTrial

from segue.record.files.definition import read_definition
from segue.record.layout import RunLayout
from segue.record.local_run import fetch_run
from segue.record.study.content import read_study
from segue.record.study.sqlite_file import study_for_reading
from segue.record.validation import skipped
from segue.store.database import database_storage, url_with_password


def trials_to_adopt(
    run: Path | str, notify: Callable[[str], None] = lambda sentence: None
) -> tuple[list[FrozenTrial], str]:
    """Return the trials of a run directory, and where they are from.

    `notify` receives a sentence on damaged trials, which are left out. Raise ValueError where there
    is no run, or where its study cannot be read.
    """
    layout = RunLayout(fetch_run(run).path)
    definition = read_definition(layout)
    if definition.study:
        shown = definition.study["storage"]
        storage = database_storage(url_with_password(shown))
    elif layout.study.exists():
        shown = str(layout.study)
        storage = study_for_reading(layout.study)
    else:
        raise ValueError(f"{run} has no study to learn from: it has no {layout.study.name}.")
    content = read_study(storage, definition.study_name, shown)
    problem = skipped(len(content.problems), shown, next(iter(content.problems), ""))
    if problem:
        notify(problem)
    return list(content.trials), str(run)
