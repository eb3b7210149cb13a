"""Training that trials share, which the driver stores in the run directory for those that begin
with it.
"""

import shutil

from segue.record.checkpoints import is_best_checkpoint, is_checkpoint
from segue.record.files.prefixes import is_logged, is_stored, store_prefix
from segue.record.layout import RESULTS, trial_name
from segue.store.mirror import Mirror
from segue.tune.run.directory import RunDirectory


class PrefixStore:
    """The training that trials of a run share, by the keys of `segue.plan.sweeps.prefixes`."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    def __contains__(self, key: str) -> bool:
        """Return whether trials can begin with this training."""
        return is_stored(self._run.prefix(key))

    def store(self, key: str, number: int, env_steps: int) -> bool:
        """Store what a trial has trained up to its report at `env_steps`, on which it waits.

        Return whether that was possible: the trial needs a checkpoint of that report.
        """
        trial = self._run.trial(number)
        if self._run.store:
            Mirror(self._run.store.at(trial_name(number)), trial.path, _is_shared).pull()
        if not store_prefix(self._run.prefix(key), trial, number, env_steps):
            return False
        self._run.share()
        return True

    def remove(self, key: str) -> None:
        """Remove training that no trial will begin with any more."""
        shutil.rmtree(self._run.prefix(key), ignore_errors=True)
        self._run.share()


def _is_shared(name: str) -> bool:
    return name == RESULTS or is_checkpoint(name) or is_best_checkpoint(name) or is_logged(name)
