"""Shares of a GPU: a trial whose memory does not fit into its share is started again with a larger
one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from segue.tune.ray_adapter import TuneController

_GPU = "gpu"
_FACTOR = 2.0
_WHOLE = 1.0
_SAID = "out of memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or what it was raised from, says that a GPU has no more memory."""
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ == "OutOfMemoryError" or (
            "CUDA" in str(seen) and _SAID in str(seen)
        ):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


@dataclass
class Shares:
    """The resources of each trial, where they are no longer those that the sweep asked for."""

    asked: Mapping[str, float]
    grown: dict[int, float] = field(default_factory=dict)
    """GPU shares by trial number."""

    def of(self, number: int) -> float:
        """The share that a trial has, or will have when it is started again."""
        return self.grown.get(number, self.asked.get(_GPU, 0.0))

    def grow(self, number: int) -> bool:
        """Double the trial's share, up to a whole GPU; False where it has no share, or a whole one
        already.
        """
        share = self.of(number)
        if not 0 < share < _WHOLE:
            return False
        self.grown[number] = min(_FACTOR * share, _WHOLE)
        return True

    def apply(self, tune_controller: TuneController) -> None:
        """Tell Tune of the larger shares of trials that are about to be started again."""
        if not self.grown:
            return
        for trial in tune_controller.get_live_trials():
            number = trial.config["trial"]
            if number in self.grown and trial.status == trial.PENDING:
                trial.update_resources({**self.asked, _GPU: self.grown[number]})
