"""A training pipeline: stages, losses, optimizer and settings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segue.base.checks import flag
from segue.base.files import JsonObject
from segue.base.suggestions import refuse_misspelt, suggestion
from segue.base.text import plural
from segue.plan.pipelines.off_policy import check_loss_weights, check_off_policy
from segue.plan.pipelines.settings import (
    MAY_BE_NONE,
    NOT_GIVEN,
    SETTING_NAMES,
    TrainingSettings,
    settings_may_be_left_out,
)
from segue.plan.pipelines.stage import PipelineStage
from segue.plan.pipelines.text import pipeline_text
from segue.plan.values.builder import Builder
from segue.plan.values.describe import describe, fingerprint

_UPDATES = ("num_mini_batch", "update_repeats")  # unused without on-policy losses


class TrainingPipeline(TrainingSettings):
    """The stages of training, which run one after the other, and the settings they share.

    - `named_losses`: losses by name, or Builders of them.
    - `pipeline_stages`: the stages; iterating over a pipeline yields them.
    - `optimizer_builder`: a Builder of the optimizer, any class of `torch.optim` that updates a
      vector.
    - `should_log`: whether metrics are logged to the console and as TensorBoard events.
    - `lr_scheduler_builder`: a Builder of a learning-rate scheduler, or None.
    - all others: see `TrainingSettings`. They may also be given together, as
      `training_settings=TrainingSettings(...)`, and left out where every stage has its own.

    A pipeline is a value and holds no progress. Pipelines with equal descriptions are equal. Raises
    TypeError for arguments of the wrong type, ValueError for no stages, for losses that are
    unknown, duplicate or without a weight, and for settings that are None where training needs a
    value.
    """

    named_losses: dict[str, Any]
    pipeline_stages: tuple[PipelineStage, ...]
    optimizer_builder: Builder[Any]
    should_log: bool
    lr_scheduler_builder: Builder[Any] | None

    @settings_may_be_left_out
    @refuse_misspelt
    def __init__(
        self,
        named_losses: Mapping[str, Any],
        pipeline_stages: Sequence[PipelineStage],
        optimizer_builder: Builder[Any],
        num_mini_batch: int,
        update_repeats: int | None,
        max_grad_norm: float,
        num_steps: int,
        gamma: float,
        use_gae: bool,
        gae_lambda: float,
        advance_scene_rollout_period: int | None,
        save_interval: int | None,
        metric_accumulate_interval: int,
        should_log: bool = True,
        lr_scheduler_builder: Builder[Any] | None = None,
    ) -> None:
        super().__init__(
            num_mini_batch=num_mini_batch,
            update_repeats=update_repeats,
            max_grad_norm=max_grad_norm,
            num_steps=num_steps,
            gamma=gamma,
            use_gae=use_gae,
            gae_lambda=gae_lambda,
            advance_scene_rollout_period=advance_scene_rollout_period,
            save_interval=save_interval,
            metric_accumulate_interval=metric_accumulate_interval,
        )
        self._set("named_losses", _losses(named_losses))
        self._set("pipeline_stages", _stages(pipeline_stages))
        self._set("optimizer_builder", _builder("optimizer_builder", optimizer_builder))
        self._set("should_log", flag("should_log", should_log))
        self._set(
            "lr_scheduler_builder",
            _builder("lr_scheduler_builder", lr_scheduler_builder, may_be_none=True),
        )
        for index in range(len(self)):
            self._check_stage(index)

    def __iter__(self) -> Iterator[PipelineStage]:
        return iter(self.pipeline_stages)

    def __len__(self) -> int:
        return len(self.pipeline_stages)

    def settings(self, stage_index: int) -> TrainingSettings:
        """Return the settings of a stage, all given: the stage's own, or else the pipeline's.

        A stage that learns from no rollouts may have 0 minibatches, which is 1 here: no updates of
        one minibatch.
        """
        settings = self.pipeline_stages[stage_index].over(self)
        return (
            settings
            if settings.num_mini_batch
            else TrainingSettings(num_mini_batch=1).over(settings)
        )

    def loss(self, name: str) -> Any:
        """Return the loss of that name, newly built if it is a Builder. Raises ValueError."""
        self._check_loss_names((name,), "The request for a loss")
        entry = self.named_losses[name]
        return entry() if isinstance(entry, Builder) else entry

    @property
    def total_steps(self) -> int:
        """The environment steps of all stages together, if none ends early."""
        return sum(stage.step_limit for stage in self)

    def trained_steps(self, lanes: int, stages: int | None = None) -> int:
        """The environment steps that a member with `lanes` environments takes, if no stage ends
        early: in all stages, or in the first `stages` of them.

        They are more than `total_steps` where a stage's steps are not a multiple of its rollout's:
        every rollout is trained whole.
        """
        rollouts = [lanes * self.settings(index).num_steps for index in range(len(self))]
        return sum(
            math.ceil(stage.step_limit / rollout) * rollout
            for stage, rollout in list(zip(self, rollouts, strict=True))[:stages]
        )

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the description's digest, equal in every process."""
        return fingerprint(self.to_dict())

    def to_dict(self) -> JsonObject:
        """Return the description of the whole pipeline, which JSON can hold."""
        own = (
            "named_losses",
            "pipeline_stages",
            "optimizer_builder",
            "should_log",
            "lr_scheduler_builder",
        )
        return {name: describe(getattr(self, name)) for name in own} | super().to_dict()

    def to_text(self) -> str:
        """Return the pipeline as text for people, stage by stage, on narrow lines."""
        title = (
            f"{plural(len(self), 'stage')}, {plural(self.total_steps, 'step')}, {self.fingerprint}"
        )
        shared = [*self.named_losses.items(), ("optimizer", self.optimizer_builder)]
        if self.lr_scheduler_builder is not None:
            shared.append(("lr schedule", self.lr_scheduler_builder))
        return pipeline_text(title, [*shared, ("settings", self)], self)

    def __repr__(self) -> str:
        return f"TrainingPipeline(stages={len(self)}, fingerprint={self.fingerprint!r})"

    def _check_stage(self, index: int) -> None:
        stage = self.pipeline_stages[index]
        where = f"Stage {index}"
        component = stage.offpolicy_component
        if stage.loss_name or component is None:
            check_loss_weights(stage.loss_name, stage.loss_weights, where)
            self._check_loss_names(stage.loss_name, where)
        if component is not None:
            check_off_policy(component, f"the off-policy component of stage {index}")
            self._check_loss_names(
                component.loss_names, f"The off-policy component of stage {index}"
            )
        self._check_settings(index)

    def _check_loss_names(self, loss_names: Sequence[str], where: str) -> None:
        for name in loss_names:
            if name not in self.named_losses:
                raise ValueError(
                    f"{where} names the loss {name!r}, which named_losses lacks:"
                    f" {suggestion(name, self.named_losses)}"
                )

    def _check_settings(self, index: int) -> None:
        stage = self.pipeline_stages[index]
        settings = stage.over(self)
        for name in SETTING_NAMES:
            value = getattr(settings, name)
            learns = name in _UPDATES and bool(stage.loss_name)
            if value in (None, NOT_GIVEN) and (learns or name not in MAY_BE_NONE):
                shown = "no value" if value is NOT_GIVEN else None
                raise ValueError(
                    f"Stage {index} has {shown} for {name}, which it requires: give it a value in"
                    " the stage or in the pipeline."
                )
            if value == 0 and learns:
                raise ValueError(
                    f"Stage {index} has 0 for {name}, and its losses {list(stage.loss_name)} learn"
                    " from rollouts: give it at least 1, or give losses that learn from other data"
                    " to an offpolicy_component."
                )


def _losses(named_losses: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(named_losses, Mapping) or not all(
        isinstance(name, str) for name in named_losses
    ):
        raise TypeError(
            f"named_losses must be a dictionary of names and losses, got {named_losses!r}."
        )
    return dict(named_losses)


def _stages(stages: Sequence[PipelineStage]) -> tuple[PipelineStage, ...]:
    if isinstance(stages, PipelineStage):
        raise TypeError(
            "pipeline_stages must be a list of stages, got one stage: put it into a list."
        )
    listed = tuple(stages)
    if not listed:
        raise ValueError("pipeline_stages has no stages: give at least one PipelineStage.")
    for index, stage in enumerate(listed):
        if not isinstance(stage, PipelineStage):
            raise TypeError(f"Stage {index} must be a PipelineStage, got {stage!r}.")
    return listed


def _builder(name: str, builder: object, may_be_none: bool = False) -> object:
    if not isinstance(builder, Builder) and not (builder is None and may_be_none):
        raise TypeError(
            f"{name} must be a Builder, got {builder!r}: write Builder(the_class, {{its"
            " keywords})."
        )
    return builder
