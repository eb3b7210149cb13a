"""Criteria that end a stage before its step limit."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.tracker import ScalarMeanTracker


class EarlyStoppingCriterion(abc.ABC):
    """Decides whether training should stop early in a pipeline stage.

    A criterion that remembers something between calls returns it from `state_dict` and takes it
    back in `load_state_dict`, so that a restart from a checkpoint loses nothing.
    """

    @abc.abstractmethod
    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Whether the stage should end now.

        `stage_steps` counts the environment steps of the current stage, `total_steps` those since
        training began. `training_metrics` holds what was tracked over one
        `metric_accumulate_interval`; it must not be changed.
        """

    def state_dict(self) -> dict[str, Any]:
        """What the criterion remembers, JSON-able; nothing by default."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict`. Raises ValueError for entries that the criterion does not have."""
        if state:
            raise ValueError(
                f"{type(self).__name__} remembers nothing, but was given the state {dict(state)!r}."
            )


@dataclass(frozen=True)
class NeverEarlyStoppingCriterion(EarlyStoppingCriterion):
    """Never stops early."""

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """False, always."""
        return False
