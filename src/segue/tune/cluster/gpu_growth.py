"""Grow a trial's share of a GPU when its memory does not fit into the share.

The trial is then started again with the larger share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from segue.tune.ray_adapter import TuneController

_GPU = "gpu"
_FACTOR = 2.0
_WHOLE = 1.0


@dataclass
class Shares:
    """The resources of each trial, where they differ from those that the sweep requests."""

    requested: Mapping[str, float]
    grown: dict[int, float] = field(default_factory=dict)
    """GPU shares by trial number."""

    def of(self, number: int) -> float:
        """Return the share of a trial, or the one it will have when it is started again."""
        return self.grown.get(number, self.requested.get(_GPU, 0.0))

    def grow(self, number: int) -> bool:
        """Double the trial's share, up to a whole GPU.

        Returns False if the trial has no share, or already a whole GPU.
        """
        share = self.of(number)
        if not 0 < share < _WHOLE:
            return False
        self.grown[number] = min(_FACTOR * share, _WHOLE)
        return True

    def apply(self, tune_controller: TuneController) -> None:
        """Give Tune the larger shares of trials that are about to be started again."""
        if not self.grown:
            return
        for trial in tune_controller.get_live_trials():
            number = trial.config["trial"]
            if number in self.grown and trial.status == trial.PENDING:
                trial.update_resources({**self.requested, _GPU: self.grown[number]})
