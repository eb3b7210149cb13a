"""A criterion that ends its stage when a scheduler of Ray Tune would stop the trial."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segue.base.files import JsonObject
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.criteria.metrics import AllOf, AnyOf
from segue.plan.tracker import ScalarMeanTracker

NAMED = ("asha", "median")


@dataclass
class SchedulerCriterion(EarlyStoppingCriterion):
    """Ends its stage, and not the trial, when `scheduler` decides STOP.

    `scheduler` is "asha", "median", or a scheduler of `ray.tune` over `stage_steps`. In a sweep it
    receives each report that a trial makes in the stage, and compares it with the reports that
    other trials made there; the stage ends at the next interval of its metrics, on every seed.
    Outside of a sweep there is nothing to compare with, and the stage runs to its limit.
    """

    scheduler: Any = "asha"

    def __post_init__(self) -> None:
        is_scheduler = not isinstance(self.scheduler, type) and hasattr(
            self.scheduler, "choose_trial_to_run"
        )
        if self.scheduler not in NAMED and not is_scheduler:
            raise ValueError(
                f"SchedulerCriterion takes {', '.join(map(repr, NAMED))}, or a scheduler object of"
                f" ray.tune, got {self.scheduler!r}."
            )
        self._has_ended = False

    def end(self) -> None:
        """End the stage at its next interval, as the scheduler has decided."""
        self._has_ended = True

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Return whether the scheduler has ended the stage."""
        return self._has_ended

    def state_dict(self) -> JsonObject:
        """Return whether the scheduler has ended the stage."""
        return {"over": self._has_ended}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`. Raise ValueError for anything else."""
        if set(state) != {"over"}:
            raise ValueError(
                f"This is not a state of SchedulerCriterion, which has ['over']: {dict(state)!r}."
            )
        self._has_ended = bool(state["over"])


def scheduler_criteria(criterion: EarlyStoppingCriterion) -> Iterator[SchedulerCriterion]:
    """Yield the scheduler criteria in `criterion`: itself, or parts of AnyOf and AllOf."""
    if isinstance(criterion, SchedulerCriterion):
        yield criterion
    elif isinstance(criterion, AnyOf | AllOf):
        for part in criterion.criteria:
            yield from scheduler_criteria(part)
