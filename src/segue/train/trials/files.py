"""The rows and checkpoints of a trial in its directory."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from segue.base.files import append_row, read_regular, write_rows
from segue.plan.mode import Mode, sign_of
from segue.record.files.results import read_results
from segue.record.layout import LOCK, LOG, TRIAL, TrialLayout
from segue.record.row import ENV_STEPS, Row
from segue.train.checkpoint import (
    form_checked,
    load_checkpoint,
    newest_first,
    read_copy,
    save_checkpoint,
    save_only_checkpoint,
)


class Resumable(Protocol):
    """What a checkpoint is of: a trainer, or a trial with a trainer of the user's own."""

    @property
    def env_steps(self) -> int:
        """Environment steps of the member that is furthest behind."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a checkpoint holds."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`."""
        ...


_STAY = (LOCK, LOG, TRIAL)  # in use while a trial runs, or written for it just now


@dataclass(frozen=True)
class TrialFiles:
    """The rows and checkpoints of a trial.

    `generation` is the number of times it has continued from another trial's checkpoint.
    """

    directory: Path
    generation: int = 0

    @property
    def results(self) -> Path:
        """The file with one row for each report."""
        return TrialLayout(self.directory).results

    @property
    def checkpoints(self) -> Path:
        """The folder of the newest checkpoints."""
        return TrialLayout(self.directory).checkpoints(self.generation)

    def append(self, row: Row) -> None:
        """Append the row of a report to those before.

        Raises FileNotFoundError if these have been removed: another file would lack them.
        """
        if not self.results.exists():
            raise FileNotFoundError(f"{self.results} was removed while it was in use.")
        append_row(self.results, row)

    def adopt(self, trainer: Resumable, checkpoint: Path, identity: str, device: str) -> None:
        """Start the generation from another trial's checkpoint, unless it has started already."""
        if not newest_first(self.checkpoints):
            state = read_copy(checkpoint, device)
            with form_checked(checkpoint):
                trainer.load_state_dict(state["trainer"])
            self.save(trainer, identity)

    def resume(
        self, trainer: Resumable, identity: str, device: str, accept_changes: bool, metric: str
    ) -> Row | None:
        """Restore the newest valid checkpoint, and return the last row up to it, if any.

        Raise ValueError for another trial's checkpoint, unless changes are accepted.
        """
        state = load_checkpoint(self.checkpoints, device)
        if state is not None and state.get("identity") != identity:
            if not accept_changes:
                raise ValueError(
                    f"{self.directory} holds a checkpoint of another trial (what it trains, its"
                    " parameters, world, seeds or evaluation differ): begin in an empty directory."
                )
            self.move_aside()
            state = None
        if state is not None:
            with form_checked(self.checkpoints):
                trainer.load_state_dict(state["trainer"])
        return self._cut_results(trainer.env_steps if state is not None else 0, metric)

    def _cut_results(self, reached: int, metric: str) -> Row | None:
        """Cut the rows after a checkpoint, which will be written again.

        Return the last row up to it, if any. A file with damaged records is copied first.
        """
        found = read_results(self.results, metric)
        if found.damaged and self.results.is_file():
            copy = self.results.with_name(f"damaged-{time.time_ns()}-{self.results.name}")
            copy.write_bytes(read_regular(self.results))
        kept = [row for row in found.rows if row[ENV_STEPS] <= reached]
        write_rows(self.results, kept)
        return kept[-1] if kept else None

    def move_aside(self) -> None:
        """Move the files of another trial into a folder of their own."""
        aside = self.directory / f"before-{len(list(self.directory.glob('before-*')))}"
        entries = list(self.directory.iterdir())
        aside.mkdir()
        for entry in entries:
            if entry.name not in _STAY and not entry.name.startswith("before-"):
                entry.rename(aside / entry.name)

    def best_value(self, metric: str, mode: Mode) -> float:
        """Return the best value of the metric in the rows, negated where less is better."""
        rows = read_results(self.results, metric).rows
        return max((sign_of(mode) * row[metric] for row in rows), default=-math.inf)

    def save_best(self, env_steps: int, acting_state: Mapping[str, Any], identity: str) -> None:
        """Write what the members act with, in place of what was the best before."""
        state = {"identity": identity, "trainer": acting_state}
        save_only_checkpoint(TrialLayout(self.directory).best, env_steps, state)

    def save(self, trainer: Resumable, identity: str) -> None:
        """Write a checkpoint of the trainer, marked with the identity of the trial."""
        save_checkpoint(
            self.checkpoints,
            trainer.env_steps,
            {"identity": identity, "trainer": trainer.state_dict()},
        )
