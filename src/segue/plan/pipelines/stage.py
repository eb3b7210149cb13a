"""One stage of a training pipeline."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Unpack

from segue.base.checks import count, finite, names
from segue.base.files import JsonObject
from segue.plan.criteria.criterion import EarlyStoppingCriterion, NeverEarlyStoppingCriterion
from segue.plan.pipelines.off_policy import OffPolicyPipelineComponent
from segue.plan.pipelines.settings import (
    SETTING_NAMES,
    SettingValues,
    TrainingSettings,
    merged_settings,
)
from segue.plan.pipelines.weights import Weights
from segue.plan.values.builder import Builder
from segue.plan.values.describe import describe

Criterion = EarlyStoppingCriterion | Builder[EarlyStoppingCriterion]
_OWN_NAMES = (
    "loss_name",
    "loss_weights",
    "max_stage_steps",
    "teacher_forcing",
    "early_stopping_criterion",
    "offpolicy_component",
    "start_from",
)


class PipelineStage(TrainingSettings):
    """One stage of a pipeline: its losses, its length, and the settings that it overrides.

    - `loss_name`: names of the losses, from the pipeline's `named_losses`. `loss_names` is accepted
      as well.
    - `max_stage_steps`: environment steps of the stage, or a function without arguments that
      returns them.
    - `loss_weights`: one weight for each loss; None for weights of 1.
    - `teacher_forcing`: probability of the expert's action as a function of the steps taken in the
      stage.
    - `early_stopping_criterion`: ends the stage before its step limit; a criterion, or a Builder of
      one.
    - `offpolicy_component`: off-policy updates, from data other than the rollouts.
    - `start_from`: weights that the members have when the stage begins, in place of those that they
      were created with or have learned. Their optimizers start anew, and so do their episodes.
    - any of `TrainingSettings`, also None, overrides the pipeline's; given as keywords, or together
      as `training_settings`.

    A stage is a value and can be part of several pipelines. Raises TypeError for arguments of the
    wrong type, ValueError for impossible values; losses and their weights are checked when a
    pipeline is made of the stage.
    """

    loss_name: tuple[str, ...]
    loss_weights: tuple[float, ...]
    max_stage_steps: int | Callable[[], int]
    teacher_forcing: Callable[[int], float] | None
    early_stopping_criterion: Criterion | None
    offpolicy_component: OffPolicyPipelineComponent | None
    start_from: Weights | None

    _keywords: ClassVar[tuple[str, ...]] = (*_OWN_NAMES, *SETTING_NAMES)

    def __init__(
        self,
        loss_name: Sequence[str] | None = None,
        max_stage_steps: int | Callable[[], int] | None = None,
        loss_weights: Sequence[float] | None = None,
        teacher_forcing: Callable[[int], float] | None = None,
        early_stopping_criterion: Criterion | None = None,
        offpolicy_component: OffPolicyPipelineComponent | None = None,
        *,
        loss_names: Sequence[str] | None = None,
        start_from: Weights | None = None,
        training_settings: TrainingSettings | None = None,
        **settings: Unpack[SettingValues],
    ) -> None:
        super().__init__(**merged_settings("PipelineStage", settings, training_settings))
        chosen = _one_of(loss_name, loss_names)
        weights = (1.0,) * len(chosen) if loss_weights is None else _weights(loss_weights)
        self._set("loss_name", chosen)
        self._set("max_stage_steps", _step_limit(max_stage_steps))
        self._set("loss_weights", weights)
        self._set("teacher_forcing", _schedule(teacher_forcing))
        self._set("early_stopping_criterion", _criterion(early_stopping_criterion))
        self._set("offpolicy_component", _component(offpolicy_component))
        self._set("start_from", _given(start_from))

    @property
    def loss_names(self) -> tuple[str, ...]:
        """An alias of `loss_name`."""
        return self.loss_name

    @property
    def step_limit(self) -> int:
        """Environment steps of the stage; calls `max_stage_steps` if that is a function.

        Raises TypeError or ValueError when the function does not return a whole number above 0.
        """
        limit = self.max_stage_steps
        return limit if isinstance(limit, int) else count("The result of max_stage_steps", limit())

    def new_criterion(self) -> EarlyStoppingCriterion:
        """Return a criterion with its own state for one member; it never stops if there is none."""
        source = self.early_stopping_criterion
        if source is None:
            return NeverEarlyStoppingCriterion()
        return source() if isinstance(source, Builder) else copy.deepcopy(source)

    def to_dict(self) -> JsonObject:
        """Return the stage's description, which JSON can hold; settings only where given."""
        return {name: describe(getattr(self, name)) for name in _OWN_NAMES} | super().to_dict()

    def __repr__(self) -> str:
        optional = [name for name in _OWN_NAMES[3:] if getattr(self, name) is not None]
        given = [name for name in SETTING_NAMES if name in self.given]
        names = [*_OWN_NAMES[:3], *optional, *given]
        keywords = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"PipelineStage({keywords})"


def _one_of(loss_name: Sequence[str] | None, loss_names: Sequence[str] | None) -> tuple[str, ...]:
    if loss_name is not None and loss_names is not None:
        raise TypeError(
            "A PipelineStage takes loss_name or its alias loss_names, not both: leave one out."
        )
    given = loss_names if loss_name is None else loss_name
    return () if given is None else names("loss_name", given)


def _step_limit(max_stage_steps: object) -> Any:
    if max_stage_steps is None:
        raise TypeError(
            "A PipelineStage needs max_stage_steps: give its environment steps, or a function of no"
            " arguments."
        )
    return (
        max_stage_steps if callable(max_stage_steps) else count("max_stage_steps", max_stage_steps)
    )


def _weights(weights: object) -> tuple[float, ...]:
    if not isinstance(weights, Sequence) or isinstance(weights, str):
        raise TypeError(f"loss_weights must be a list of numbers, got {weights!r}.")
    return tuple(finite("Each of loss_weights", weight) for weight in weights)


def _schedule(schedule: object) -> object:
    if schedule is not None and not callable(schedule):
        raise TypeError(
            "teacher_forcing must be a function of the step, such as LinearDecay(10_000), got"
            f" {schedule!r}."
        )
    return schedule


def _criterion(criterion: object) -> object:
    if criterion is not None and not isinstance(criterion, EarlyStoppingCriterion | Builder):
        raise TypeError(
            "early_stopping_criterion must be an EarlyStoppingCriterion (an object, not a class),"
            f" got {criterion!r}."
        )
    return criterion


def _component(component: object) -> object:
    if component is not None and not isinstance(component, OffPolicyPipelineComponent):
        raise TypeError(
            f"offpolicy_component must be an OffPolicyPipelineComponent, got {component!r}."
        )
    return component


def _given(weights: object) -> object:
    if weights is not None and not isinstance(weights, Weights):
        raise TypeError(
            "start_from must be Weights, such as Weights('weights.pt') or"
            f" Weights(best_checkpoint('runs/first')), got {weights!r}."
        )
    return weights
