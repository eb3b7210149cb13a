"""Criteria that end a stage depending on its metrics.

Each reads the means of one interval (`metric_accumulate_interval`). An interval without the
metric, such as one in which no episode ended, does not change a criterion.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segue.base.checks import count, finite, text
from segue.base.files import JsonObject
from segue.plan.criteria.criterion import EarlyStoppingCriterion
from segue.plan.mode import Mode, sign_of
from segue.plan.tracker import ScalarMeanTracker


@dataclass(frozen=True)
class Reached(EarlyStoppingCriterion):
    """Ends a stage when `metric` is at least `value` in an interval; at most, with `mode="min"`."""

    metric: str
    value: float
    mode: Mode = "max"

    def __post_init__(self) -> None:
        text("metric of Reached", self.metric)
        finite("value of Reached", self.value)
        _check_mode(self.mode)

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Return whether this interval's mean reaches the value."""
        mean = training_metrics.means().get(self.metric)
        return mean is not None and sign_of(self.mode) * (mean - self.value) >= 0


@dataclass
class Plateau(EarlyStoppingCriterion):
    """Ends a stage when `metric` has not improved for `patience` intervals in a row.

    An improvement is a mean that is better than the best one so far by more than `delta`.
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
        _check_mode(self.mode)
        self._best: float | None = None
        self._intervals_since_best = 0

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Return whether this is the last of `patience` intervals without an improvement."""
        mean = training_metrics.means().get(self.metric)
        if mean is None:
            return False
        if self._best is None or sign_of(self.mode) * (mean - self._best) > self.delta:
            self._best = mean
            self._intervals_since_best = 0
        else:
            self._intervals_since_best += 1
        return self._intervals_since_best >= self.patience

    def state_dict(self) -> JsonObject:
        """Return the best mean so far and the number of intervals since."""
        return {"best": self._best, "waited": self._intervals_since_best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`. Raise ValueError for anything else."""
        _check_names(self, state, ("best", "waited"))
        self._best = state["best"]
        self._intervals_since_best = state["waited"]


@dataclass
class NearOptimal(EarlyStoppingCriterion):
    """Ends a stage when a metric has been close to its optimum for several intervals.

    The mean of `metric` over the last `memory` intervals must be within `deviation` of `optimal`.
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
        """Return whether `memory` intervals have been seen whose mean is close to the optimum."""
        mean = training_metrics.means().get(self.metric)
        if mean is None:
            return False
        self._recent.append(mean)
        recent_mean = sum(self._recent) / len(self._recent)
        is_full = len(self._recent) == self.memory
        return is_full and abs(recent_mean - self.optimal) <= self.deviation

    def state_dict(self) -> JsonObject:
        """Return the means of the last intervals."""
        return {"recent": list(self._recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`. Raise ValueError for anything else."""
        _check_names(self, state, ("recent",))
        self._recent = deque(state["recent"], maxlen=self.memory)


@dataclass(frozen=True)
class _Several(EarlyStoppingCriterion):
    """Several criteria, all of which are called at every interval, so that each sees every mean."""

    criteria: Sequence[EarlyStoppingCriterion]

    def __post_init__(self) -> None:
        criteria = tuple(self.criteria)
        name = type(self).__name__
        if not criteria:
            raise ValueError(f"{name} has no criteria: give at least one.")
        for criterion in criteria:
            if not isinstance(criterion, EarlyStoppingCriterion):
                raise TypeError(f"{name} takes criteria (objects, not classes), got {criterion!r}.")
        object.__setattr__(self, "criteria", criteria)

    def results(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> list[bool]:
        """Return the results of all criteria."""
        return [
            criterion(stage_steps, total_steps, training_metrics) for criterion in self.criteria
        ]

    def state_dict(self) -> JsonObject:
        """Return the states of all criteria."""
        return {"criteria": [criterion.state_dict() for criterion in self.criteria]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`.

        Raises ValueError for anything else, and for a state of another number of criteria.
        """
        _check_names(self, state, ("criteria",))
        if len(state["criteria"]) != len(self.criteria):
            raise ValueError(
                f"{type(self).__name__} has {len(self.criteria)} criteria, but the state has"
                f" {len(state['criteria'])}."
            )
        for criterion, own in zip(self.criteria, state["criteria"], strict=True):
            criterion.load_state_dict(own)


class AnyOf(_Several):
    """Ends a stage when one of its criteria does."""

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Return whether one of the criteria ends the stage."""
        return any(self.results(stage_steps, total_steps, training_metrics))


class AllOf(_Several):
    """Ends a stage when all of its criteria do at the same interval."""

    def __call__(
        self, stage_steps: int, total_steps: int, training_metrics: ScalarMeanTracker
    ) -> bool:
        """Return whether all of the criteria end the stage."""
        return all(self.results(stage_steps, total_steps, training_metrics))


def metrics_of(criterion: EarlyStoppingCriterion) -> Iterator[tuple[str, str]]:
    """Yield the class and the metric of each criterion that names one in its field `metric`.

    The parts of AnyOf and AllOf are included.
    """
    if isinstance(criterion, _Several):
        for part in criterion.criteria:
            yield from metrics_of(part)
    metric = getattr(criterion, "metric", None)
    if isinstance(metric, str):
        yield type(criterion).__name__, metric


def _check_mode(mode: str) -> None:
    if mode not in ("max", "min"):
        raise ValueError(f"mode of a criterion must be 'max' or 'min', got {mode!r}.")


def _check_names(
    criterion: EarlyStoppingCriterion, state: Mapping[str, Any], names: Sequence[str]
) -> None:
    if set(state) != set(names):
        raise ValueError(
            f"This is not a state of {type(criterion).__name__}, which has {list(names)}:"
            f" {dict(state)!r}."
        )
