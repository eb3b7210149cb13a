"""The stages of a trial: their lengths and criteria, whoever trains it."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from segue.base.checks import count
from segue.base.text import plural
from segue.plan.criteria.criterion import EarlyStoppingCriterion, NeverEarlyStoppingCriterion
from segue.plan.pipelines.text import short_text
from segue.plan.sweeps.functions import failing_at, taken_by


class PlannedStage(Protocol):
    """A stage, of a pipeline or of a trainer of the user's own."""

    @property
    def step_limit(self) -> int:
        """Environment steps of a member in the stage, if it does not end early."""
        ...

    def new_criterion(self) -> EarlyStoppingCriterion:
        """Return a criterion with a state of its own."""
        ...


class StagePlan(Protocol):
    """The stages of a trial, in order: a pipeline is one, and so is a `TrainerPlan`."""

    def __iter__(self) -> Iterator[PlannedStage]:
        """Return the stages."""
        ...

    def __len__(self) -> int:
        """Return the number of stages."""
        ...

    @property
    def total_steps(self) -> int:
        """The environment steps of all stages together, if none ends early."""
        ...


@dataclass(frozen=True)
class TrainerStage:
    """One stage of the trials of a sweep with a trainer of its own.

    - `steps`: environment steps of one seed.
    - `early_stopping_criterion`: ends the stage before its step limit. It is called at each report
      with the metrics of that report.
    """

    steps: int
    early_stopping_criterion: EarlyStoppingCriterion | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", count("steps of a TrainerStage", self.steps))
        criterion = self.early_stopping_criterion
        if criterion is not None and not isinstance(criterion, EarlyStoppingCriterion):
            raise TypeError(
                "early_stopping_criterion of a TrainerStage must be an EarlyStoppingCriterion (an"
                f" object, not a class), got {criterion!r}."
            )

    @property
    def step_limit(self) -> int:
        """Environment steps of one seed in the stage, if it does not end early."""
        return self.steps

    def new_criterion(self) -> EarlyStoppingCriterion:
        """Return a criterion with a state of its own; it never stops if the stage has none."""
        return deepcopy(self.early_stopping_criterion or NeverEarlyStoppingCriterion())


@dataclass(frozen=True)
class TrainerPlan:
    """The stages of a trial that a trainer of the user's own trains."""

    stages: tuple[TrainerStage, ...]

    def __iter__(self) -> Iterator[TrainerStage]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    @property
    def total_steps(self) -> int:
        """The environment steps of all stages together, if none ends early."""
        return sum(stage.steps for stage in self.stages)

    def to_text(self, trainer: str) -> str:
        """Return the stages as text for people, with the name of their trainer."""
        stages = plural(len(self), "stage")
        lines = [f"{stages}, {plural(self.total_steps, 'step')}, trained by {trainer}"]
        for number, stage in enumerate(self.stages, start=1):
            criterion = stage.early_stopping_criterion
            early = f", stops early: {short_text(criterion)}" if criterion is not None else ""
            if len(self) > 1 or early:
                lines.append(f"stage {number} of {len(self)}: {stage.steps:,} steps{early}")
        return "\n".join(lines)


TrainerSteps: TypeAlias = int | TrainerStage | Sequence[int | TrainerStage]
"""The environment steps of one seed, of one stage or of several."""


def trainer_plan(steps: object) -> TrainerPlan:
    """Return the stages that `steps` of a sweep declares.

    Raise TypeError or ValueError for anything else than numbers and stages.
    """
    listed = steps if isinstance(steps, list | tuple) else (steps,)
    if not listed:
        raise ValueError("steps has no stages: give the environment steps of at least one.")
    return TrainerPlan(tuple(_stage(entry) for entry in listed))


def trainer_plan_at(steps: object, point: Mapping[str, Any]) -> TrainerPlan:
    """Return the stages at a point of the space, of which `steps` may be a function.

    Raise ValueError, with the point, where the function fails or returns something else.
    """
    if not callable(steps):
        return trainer_plan(steps)
    with failing_at("steps", point):
        return trainer_plan(steps(**taken_by(steps, point)))


def _stage(entry: object) -> TrainerStage:
    return entry if isinstance(entry, TrainerStage) else TrainerStage(count("steps", entry))
