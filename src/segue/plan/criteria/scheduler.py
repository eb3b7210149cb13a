"""A criterion that ends its stage when a scheduler of Ray Tune would stop the trial."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.criteria.metrics import AllOf, AnyOf
from segue.plan.tracker import ScalarMeanTracker

NAMED = ("asha", "median")


@dataclass
class SchedulerCriterion(EarlyStoppingCriterion):
    """Ends its stage, and not the trial, when `scheduler` says STOP.

    `scheduler` is "asha", "median", or a scheduler of `ray.tune` over `stage_steps`. In a sweep it
    is asked about each report that a trial makes in the stage, and compares with the reports that
    other trials made there; the stage ends at the next interval of its metrics, on every seed.
    Outside of a sweep there is nobody to compare with, and the stage runs to its limit.
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
        self._over = False

    def end(self) -> None:
        """The scheduler has spoken."""
        self._over = True

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Whether the scheduler has spoken."""
        return self._over

    def state_dict(self) -> dict[str, Any]:
        """Whether the scheduler has spoken."""
        return {"over": self._over}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict`. Raises ValueError when it is none."""
        if set(state) != {"over"}:
            raise ValueError(
                f"This is no state of SchedulerCriterion, which has ['over']: {dict(state)!r}."
            )
        self._over = bool(state["over"])


def scheduler_criteria(criterion: EarlyStoppingCriterion) -> Iterator[SchedulerCriterion]:
    """Those of a criterion that wait for a scheduler: itself, or parts of AnyOf and AllOf."""
    if isinstance(criterion, SchedulerCriterion):
        yield criterion
    elif isinstance(criterion, AnyOf | AllOf):
        for part in criterion.criteria:
            yield from scheduler_criteria(part)
