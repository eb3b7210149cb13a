"""The rows and checkpoints of a trial with a trainer of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.record.row import Row
from segue.train.own.position import Position
from segue.train.own.saved import Saved, restored_form, stored_form
from segue.train.own.spec import TrainerSpec
from segue.train.trials.files import TrialFiles
from segue.train.trials.values import at_end


class StoredTrial:
    """The files of a trial, and its position, which is part of each checkpoint."""

    def __init__(self, spec: TrainerSpec, directory: Path) -> None:
        self.directory = directory
        self.position = Position(spec.plan)
        self.saved_at = 0
        self._spec = spec
        self._identity = spec.identity
        self._files = TrialFiles(directory)
        self._saved: Mapping[str, Any] = {}

    def at_end(self, row: Row) -> Row:
        """Return the trial's last row with its mean over several reports; others as given."""
        spec = self._spec
        return at_end(row, self._files.results, spec.evaluation, spec.metric, spec.aggregate)

    def append(self, row: Row) -> None:
        """Append the row of a report to those before."""
        self._files.append(row)

    @property
    def env_steps(self) -> int:
        """Environment steps of one seed at the last report."""
        return self.position.env_steps

    def resume(self, accept_changes: bool) -> Row | None:
        """Restore the newest checkpoint, and return the last row up to it, if any.

        Raise ValueError for another trial's checkpoint, unless changes are accepted.
        """
        spec = self._spec
        return self._files.resume(self, self._identity, spec.device, accept_changes, spec.metric)

    def resumed_from(self, folder: Path) -> dict[str, Any] | Path | None:
        """Return what the trainer saved in the checkpoint; its files are written into `folder`."""
        found = restored_form(self._saved, folder) if self._saved else None
        self._saved = {}  # it may be large
        return found

    def save(self, saved: Saved) -> None:
        """Write a checkpoint of the position and of what the trainer saves."""
        self._saved = stored_form(saved)
        self._files.save(self, self._identity)
        self._saved = {}
        self.saved_at = self.env_steps

    def state_dict(self) -> dict[str, Any]:
        """Return the content of a checkpoint."""
        return {"position": self.position.state_dict(), "saved": self._saved}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.position.load_state_dict(state["position"])
        self._saved = state["saved"]
        self.saved_at = self.env_steps
