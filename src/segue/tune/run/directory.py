"""A run's directory on this machine, and the store that holds the run, if one does."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from segue.record.checkpoints import newest
from segue.record.layout import RunLayout, trial_name
from segue.store.mirror import Mirror
from segue.store.objects import FEW_WAITS, Store
from segue.tune.run.stored import (
    StoreTrialSync,
    TrialSync,
    driver_mirror,
    fetched_best_checkpoint,
    fetched_checkpoint,
)


@dataclass(frozen=True)
class RunDirectory(RunLayout):
    """Paths of a run, and what synchronizes them with a store.

    Each machine works on a run in a store in its own folder; `path` is the folder of this machine.
    """

    store: Store | None = None

    @property
    def shown(self) -> str:
        """Where the run is, for people."""
        return self.store.shown() if self.store else str(self.path)

    def newest_checkpoint(self, number: int) -> Path | None:
        """Return the newest checkpoint of a trial, in its newest generation, or None.

        The checkpoint is fetched from the store, if the run has one.
        """
        if self.store:
            return fetched_checkpoint(self.store.at(trial_name(number)), self.trial(number))
        return newest(self.trial(number).all_checkpoints())

    def best_checkpoint(self, number: int) -> Path | None:
        """Return the checkpoint of a trial's best members, fetched as `newest_checkpoint` does."""
        if self.store:
            return fetched_best_checkpoint(self.store.at(trial_name(number)), self.trial(number))
        return self.trial(number).best_checkpoint()

    def trial_sync(self, number: int) -> TrialSync:
        """Return what synchronizes the files of a trial with the store; for the worker."""
        if self.store is None:
            return TrialSync()
        return StoreTrialSync(self.store, self, number)

    def upload_of_trial(self, number: int, name: str, content: bytes) -> None:
        """Upload a file that the driver adds to a trial that has ended, where there is a store."""
        if self.store:
            replace(self.store, waits=FEW_WAITS).write(f"{trial_name(number)}/{name}", content)

    def share(self) -> None:
        """Upload what the driver has written, for the workers to read, where there is a store.

        Nothing is uploaded of a folder that was removed: the lease then ends the sweep.
        """
        if self._mirror and self.definition.exists():
            self._mirror.push()

    @cached_property
    def _mirror(self) -> Mirror | None:
        return driver_mirror(self.store, self.path) if self.store else None
