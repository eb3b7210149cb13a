"""Grow a worker's share of a GPU when a single trial's memory does not fit into the share.

The worker is then started again with the larger share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from segue.tune.ray_adapter import TuneController
from segue.tune.worker.messages import WORKER

_GPU = "gpu"
_FACTOR = 2.0
_WHOLE = 1.0


@dataclass
class Shares:
    """The resources of each worker, where they differ from those that the sweep requests."""

    requested: Mapping[str, float]
    grown: dict[int, float] = field(default_factory=dict)
    """GPU shares by the index of the worker."""

    def of(self, worker: int) -> float:
        """Return the share of a worker, or the one it will have when it is started again."""
        return self.grown.get(worker, self.requested.get(_GPU, 0.0))

    def grow(self, worker: int) -> bool:
        """Double the worker's share, up to a whole GPU.

        Returns False if the worker has no share, or already a whole GPU.
        """
        share = self.of(worker)
        if not 0 < share < _WHOLE:
            return False
        self.grown[worker] = min(_FACTOR * share, _WHOLE)
        return True

    def apply(self, tune_controller: TuneController) -> None:
        """Give Tune the larger shares of workers that are about to be started again."""
        if not self.grown:
            return
        for trial in tune_controller.get_live_trials():
            worker = trial.config[WORKER]
            if worker in self.grown and trial.status == trial.PENDING:
                trial.update_resources({**self.requested, _GPU: self.grown[worker]})
