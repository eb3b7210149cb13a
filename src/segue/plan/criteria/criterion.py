"""The interface of criteria that end a stage before its step limit."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.base.files import JsonObject
from segue.plan.tracker import ScalarMeanTracker


class EarlyStoppingCriterion(abc.ABC):
    """Decides whether a pipeline stage should end before its step limit.

    A criterion with state returns it from `state_dict` and restores it in `load_state_dict`, so
    that a restart from a checkpoint loses nothing.
    """

    @abc.abstractmethod
    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Return whether the stage should end now.

        `stage_steps` counts the environment steps of the current stage, `total_steps` those since
        training began. `training_metrics` holds the metrics of one `metric_accumulate_interval`; it
        must not be changed.
        """

    def state_dict(self) -> JsonObject:
        """Return the criterion's state, which JSON can hold; empty by default."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`. Raise ValueError for unknown entries."""
        if state:
            raise ValueError(
                f"{type(self).__name__} has no state, but was given {dict(state)!r} to load."
            )


@dataclass(frozen=True)
class NeverEarlyStoppingCriterion(EarlyStoppingCriterion):
    """Never ends a stage early."""

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Return False."""
        return False
