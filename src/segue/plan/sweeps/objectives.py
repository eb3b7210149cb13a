"""What a sweep asks for beside its metric: further objectives, and constraints."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from segue.base.checks import finite, text

Mode = Literal["max", "min"]
Report = Mapping[str, Any]
"""The last report of a trial: `env_steps`, `metric_per_seed`, `evaluation` (metrics by name), and others."""
Constraint = Callable[[Report], float]
"""Of a trial's last report, a number that is 0 or less where the trial is allowed."""


@dataclass(frozen=True)
class StepsTo:
    """An objective: the environment steps after which the metric first was as good as `value`, else
    infinity.
    """

    value: float

    def __post_init__(self) -> None:
        finite("value of StepsTo", self.value)

    def found_in(self, judged: Mapping[int, float], mode: Mode) -> float:
        """Among the values by environment steps.

        >>> StepsTo(3.0).found_in({100: 1.0, 200: 3.5, 300: 2.0}, "max")
        200.0
        """
        sign = 1 if mode == "max" else -1
        return float(
            min(
                (step for step, seen in judged.items() if sign * (seen - self.value) >= 0),
                default=math.inf,
            )
        )


Objective = tuple[str | StepsTo, Mode]
"""The name of an evaluated metric, or StepsTo, and which way is better."""


def check_objectives(objectives: object) -> tuple[Objective, ...]:
    """Return them as a tuple; raises TypeError or ValueError, in one sentence, for what is no list
    of objectives.
    """
    if not isinstance(objectives, list | tuple):
        raise TypeError(
            f"objectives must be a list such as [('length', 'min')], got {objectives!r}."
        )
    for objective in objectives:
        if not isinstance(objective, tuple) or len(objective) != 2:
            raise TypeError(
                f"An objective must be a pair such as ('length', 'min'), got {objective!r}."
            )
        what, mode = objective
        if not isinstance(what, StepsTo):
            text("The metric of an objective", what)
        if mode not in ("max", "min"):
            raise ValueError(f"The mode of an objective must be 'max' or 'min', got {mode!r}.")
    return tuple(objectives)


def further_values(
    objectives: tuple[Objective, ...], row: Report, judged: Mapping[int, float], mode: Mode
) -> list[float]:
    """The values of the objectives at a trial's end, from its last report and what was judged
    before.
    """
    return [
        what.found_in(judged, mode) if isinstance(what, StepsTo) else float(row["evaluation"][what])
        for what, _ in objectives
    ]
