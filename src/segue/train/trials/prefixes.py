"""Trials that begin with the training that another one has stored, since both share first stages.

Training is deterministic: what such a trial adopts is what it would have trained itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from segue.base.files import read_regular, write_atomic, write_rows
from segue.record.checkpoints import steps_of
from segue.record.files.prefixes import StoredPrefix, read_prefix
from segue.record.files.results import read_results
from segue.record.row import ENV_STEPS, FORKED_FROM, STAGES, Row
from segue.train.checkpoint import form_checked, newest_first, read_checkpoint
from segue.train.trials.files import TrialFiles
from segue.train.trials.spec import TrialSpec


@dataclass(frozen=True)
class SharedTraining:
    """What a trial shares with others of its sweep."""

    prefix: Path | None = None
    """The folder of the training with which the trial begins; None where it begins from scratch."""
    saved_after: tuple[int, ...] = ()
    """The stages, by index, after which others begin: each ends with a checkpoint."""


ALONE = SharedTraining()
"""What a trial shares that shares nothing."""


def begin_with_prefix(spec: TrialSpec, files: TrialFiles, folder: Path) -> None:
    """Begin a trial with the training in a folder, unless the trial has begun already.

    The trial begins from scratch, and prints why, if the folder cannot be used.
    """
    if newest_first(files.checkpoints) or not all(map(_is_forked, _rows(files.results, spec))):
        return
    try:
        _adopt(spec, files, read_prefix(folder))
    except ValueError as error:
        print(f"The training that this trial shares with others is repeated: {error}", flush=True)


def forked_rows(spec: TrialSpec, files: TrialFiles, before: int) -> Iterator[Row]:
    """Return the rows before a number of steps that a trial has adopted from another one."""
    for row in _rows(files.results, spec):
        if _is_forked(row) and row[ENV_STEPS] < before:
            yield row


def _adopt(spec: TrialSpec, files: TrialFiles, prefix: StoredPrefix) -> None:
    """Copy the training into the trial's directory: the checkpoint, with which it has begun, last.

    Rows, members and checkpoint become those that the trial would have written.
    """
    with closing(spec.new_trainer()) as trainer:
        state = read_checkpoint(prefix.checkpoint, spec.device)
        with form_checked(prefix.checkpoint):
            trainer.load_state_dict(state["trainer"], begins_stage=True)
        rows = _rows(prefix.layout.results, spec)
        own = {FORKED_FROM: prefix.trial, STAGES: len(spec.pipeline)}
        write_rows(files.results, [row | own for row in rows if row[ENV_STEPS] <= prefix.env_steps])
        for name in prefix.logged():
            target = files.directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(target, read_regular(prefix.layout.path / name))
        if prefix.best is not None:
            best = read_checkpoint(prefix.best, spec.device)
            with form_checked(prefix.best):
                files.save_best(steps_of(prefix.best), best["trainer"], spec.identity)
        files.save(trainer, spec.identity)


def _rows(path: Path, spec: TrialSpec) -> list[Row]:
    return read_results(path, spec.metric).rows


def _is_forked(row: Row) -> bool:
    return row.get(FORKED_FROM) is not None
