"""A trial as the search sees it: its parameters, and its reports so far."""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution

SMOOTHED = 0.2
"""A value is the mean of the reports over this share of the trial's steps, within the stage."""
_CLOSE = 1e-6


class Status(Enum):
    """Whether a trial trains, could be resumed, was stopped for good, or ran to its end."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True)
class Proposal:
    """A point of the space as a study records it, with the distributions that its values have."""

    parameters: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]


@dataclass(frozen=True, eq=False)
class Curve(Proposal):
    """The reports of a trial that has begun.

    - `number`: its number in the study.
    - `steps` and `values`: environment steps and value of each report; more is better, and a value
      that is not finite is the worst.
    - `stage_ends`: the steps at which its stages end, planned ones for stages that have not ended.
      The last one is the trial's end.
    """

    number: int
    steps: tuple[float, ...]
    values: tuple[float, ...]
    stage_ends: tuple[float, ...]
    status: Status

    @property
    def remaining(self) -> float:
        """The environment steps that the trial would still take."""
        if self.status == Status.ENDED:
            return 0.0
        return max(self.stage_ends[-1] - (self.steps[-1] if self.steps else 0.0), 0.0)

    @property
    def remaining_share(self) -> float:
        """The share of its steps that the trial would still take."""
        return self.remaining / self.stage_ends[-1]

    def stage_at(self, steps: float) -> int:
        """Return the index of the stage of a report at `steps`; a stage's end belongs to it."""
        return min(bisect_left(self.stage_ends, steps), len(self.stage_ends) - 1)

    @cached_property
    def smoothed(self) -> tuple[float, ...]:
        """The value at each report: the mean of the reports shortly before it in its stage.

        Minus infinity where a report is not finite.
        """
        end = self.stage_ends[-1]
        stages = [self.stage_at(step) for step in self.steps]
        found = []
        for last, step in enumerate(self.steps):
            since = step - (SMOOTHED + _CLOSE) * end
            first = bisect_left(self.steps, since)
            window = [
                self.values[index]
                for index in range(first, last + 1)
                if stages[index] == stages[last]
            ]
            mean = sum(window) / len(window)
            found.append(mean if math.isfinite(mean) else -math.inf)
        return tuple(found)
