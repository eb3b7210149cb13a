"""Further objectives and constraints of a sweep, in addition to its metric."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from segue.base.checks import finite, text
from segue.plan.mode import Mode, sign_of

LastReport: TypeAlias = Mapping[str, Any]
"""A trial's last report: `env_steps`, `metric_per_seed`, `evaluation` (metrics by name), others."""
Constraint: TypeAlias = Callable[[LastReport], float]
"""Returns, for a trial's last report, a number that is 0 or less where the trial is allowed."""


@dataclass(frozen=True)
class StepsTo:
    """An objective: the environment steps after which the metric first reached `value`.

    It is infinity where the metric never did.
    """

    value: float

    def __post_init__(self) -> None:
        finite("value of StepsTo", self.value)

    def found_in(self, metric_by_steps: Mapping[int, float], mode: Mode) -> float:
        """Return the objective's value, from the metric by environment steps.

        >>> StepsTo(3.0).found_in({100: 1.0, 200: 3.5, 300: 2.0}, "max")
        200.0
        """
        sign = sign_of(mode)
        reached = (
            steps for steps, metric in metric_by_steps.items() if sign * (metric - self.value) >= 0
        )
        return float(min(reached, default=math.inf))


Objective: TypeAlias = tuple[str | StepsTo, Mode]
"""The name of an evaluated metric, or StepsTo, and whether more or less of it is better."""


def check_objectives(objectives: object) -> tuple[Objective, ...]:
    """Return the objectives as a tuple; raise TypeError or ValueError for malformed ones."""
    if not isinstance(objectives, list | tuple):
        raise TypeError(
            f"objectives must be a list such as [('length', 'min')], got {objectives!r}."
        )
    for objective in objectives:
        if not isinstance(objective, tuple) or len(objective) != 2:
            raise TypeError(
                f"An objective must be a pair such as ('length', 'min'), got {objective!r}."
            )
        metric, mode = objective
        if not isinstance(metric, StepsTo):
            text("The metric of an objective", metric)
        if mode not in ("max", "min"):
            raise ValueError(f"The mode of an objective must be 'max' or 'min', got {mode!r}.")
    return tuple(objectives)


def further_values(
    objectives: tuple[Objective, ...],
    evaluation: Mapping[str, float],
    metric_by_steps: Mapping[int, float],
    mode: Mode,
) -> list[float]:
    """Return the objectives' values at a trial's end.

    `evaluation` is what the trial's last report has of each evaluated metric, `metric_by_steps` the
    metric of each report by its environment steps.
    """
    return [
        objective.found_in(metric_by_steps, mode)
        if isinstance(objective, StepsTo)
        else float(evaluation[objective])
        for objective, _ in objectives
    ]
