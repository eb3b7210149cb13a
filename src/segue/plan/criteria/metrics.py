"""Criteria that end a stage when its metrics say so.

Each reads the means of one interval (`metric_accumulate_interval`). An interval without the metric,
such as one in which no episode ended, says nothing and changes nothing.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from segue.base.checks import count, finite, text
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.tracker import ScalarMeanTracker

Mode = Literal["max", "min"]


@dataclass(frozen=True)
class Reached(EarlyStoppingCriterion):
    """Stops when `metric` is at least `value` (with `mode="min"`: at most) in one interval."""

    metric: str
    value: float
    mode: Mode = "max"

    def __post_init__(self) -> None:
        text("metric of Reached", self.metric)
        finite("value of Reached", self.value)
        _sign(self.mode)

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Whether this interval's mean reaches the value."""
        seen = training_metrics.means().get(self.metric)
        return seen is not None and _sign(self.mode) * (seen - self.value) >= 0


@dataclass
class Plateau(EarlyStoppingCriterion):
    """Stops when `metric` was not better than its best by more than `delta` in `patience` intervals
    in a row.
    """

    metric: str
    patience: int
    delta: float = 0.0
    mode: Mode = "max"

    def __post_init__(self) -> None:
        text("metric of Plateau", self.metric)
        count("patience of Plateau", self.patience)
        if finite("delta of Plateau", self.delta) < 0:
            raise ValueError(f"delta of Plateau must not be negative, got {self.delta}.")
        _sign(self.mode)
        self._best: float | None = None
        self._waited = 0

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Whether this interval is the last one that was waited for."""
        seen = training_metrics.means().get(self.metric)
        if seen is None:
            return False
        if self._best is None or _sign(self.mode) * (seen - self._best) > self.delta:
            self._best = seen
            self._waited = 0
        else:
            self._waited += 1
        return self._waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """The best mean so far and the intervals since."""
        return {"best": self._best, "waited": self._waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict`. Raises ValueError when it is none."""
        _check_names(self, state, ("best", "waited"))
        self._best = state["best"]
        self._waited = state["waited"]


@dataclass
class NearOptimal(EarlyStoppingCriterion):
    """Stops when the mean of `metric` over the last `memory` intervals is within `deviation` of
    `optimal`.
    """

    optimal: float
    deviation: float
    memory: int = 1
    metric: str = "return"

    def __post_init__(self) -> None:
        finite("optimal of NearOptimal", self.optimal)
        if finite("deviation of NearOptimal", self.deviation) < 0:
            raise ValueError(
                f"deviation of NearOptimal must not be negative, got {self.deviation}."
            )
        text("metric of NearOptimal", self.metric)
        self._recent: deque[float] = deque(maxlen=count("memory of NearOptimal", self.memory))

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Whether as many intervals as are remembered are near on average."""
        seen = training_metrics.means().get(self.metric)
        if seen is None:
            return False
        self._recent.append(seen)
        mean = sum(self._recent) / len(self._recent)
        return len(self._recent) == self.memory and abs(mean - self.optimal) <= self.deviation

    def state_dict(self) -> dict[str, Any]:
        """The means that are remembered."""
        return {"recent": list(self._recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict`. Raises ValueError when it is none."""
        _check_names(self, state, ("recent",))
        self._recent = deque(state["recent"], maxlen=self.memory)


@dataclass(frozen=True)
class _Several(EarlyStoppingCriterion):
    """Criteria that are all asked at every interval, so that each sees every mean."""

    criteria: Sequence[EarlyStoppingCriterion]

    def __post_init__(self) -> None:
        given = tuple(self.criteria)
        name = type(self).__name__
        if not given:
            raise ValueError(f"{name} has no criteria: give at least one.")
        for criterion in given:
            if not isinstance(criterion, EarlyStoppingCriterion):
                raise TypeError(f"{name} takes criteria (objects, not classes), got {criterion!r}.")
        object.__setattr__(self, "criteria", given)

    def answers(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> list[bool]:
        """What each criterion says."""
        return [
            criterion(stage_steps, total_steps, training_metrics) for criterion in self.criteria
        ]

    def state_dict(self) -> dict[str, Any]:
        """The states of all."""
        return {"criteria": [criterion.state_dict() for criterion in self.criteria]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict`. Raises ValueError when it is none, or of another number of
        criteria.
        """
        _check_names(self, state, ("criteria",))
        if len(state["criteria"]) != len(self.criteria):
            raise ValueError(
                f"{type(self).__name__} has {len(self.criteria)} criteria, but the state is of "
                f"{len(state['criteria'])}."
            )
        for criterion, own in zip(self.criteria, state["criteria"], strict=True):
            criterion.load_state_dict(own)


class AnyOf(_Several):
    """Stops when one of its criteria does."""

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Whether one criterion says so."""
        return any(self.answers(stage_steps, total_steps, training_metrics))


class AllOf(_Several):
    """Stops when all of its criteria would at the same interval."""

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Whether all criteria say so."""
        return all(self.answers(stage_steps, total_steps, training_metrics))


def _sign(mode: str) -> int:
    if mode not in ("max", "min"):
        raise ValueError(f"mode of a criterion must be 'max' or 'min', got {mode!r}.")
    return 1 if mode == "max" else -1


def _check_names(
    criterion: EarlyStoppingCriterion, state: Mapping[str, Any], names: Sequence[str]
) -> None:
    if set(state) != set(names):
        raise ValueError(
            f"This is no state of {type(criterion).__name__}, which has {list(names)}:"
            f" {dict(state)!r}."
        )
