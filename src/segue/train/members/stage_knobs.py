"""The knobs of a member during a stage, whose schedules may change them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.progress import Progress
from segue.train.losses import AnyLoss
from segue.train.members.knobs import ActiveLoss, Knobs, OffPolicyUpdates
from segue.train.members.learning_rate import lr_factor
from segue.train.optimizers import Rule, rule_of

WeightedLosses = Sequence[tuple[str, AnyLoss, float]]
"""Name, loss and weight."""


class StageKnobs:
    """The knobs of a member in one stage; what no schedule changes is computed once."""

    def __init__(self, pipeline: TrainingPipeline, index: int, lanes: int) -> None:
        """Prepare the stage of this index, for a member with `lanes` lanes."""
        stage = pipeline.pipeline_stages[index]
        self.settings = pipeline.settings(index)
        self._index = index
        self._lanes = lanes
        self._rule = rule_of(pipeline.optimizer_builder)
        self._lr_factor = lr_factor(pipeline.lr_scheduler_builder)
        self._teacher_forcing = stage.teacher_forcing
        self._losses = weighted_losses(pipeline, stage.loss_name, stage.loss_weights)
        self._off_policy_losses: WeightedLosses = ()
        self._off_policy_updates = 0
        component = stage.offpolicy_component
        if component is not None:
            weights = component.loss_weights or (1.0,) * len(component.loss_names)
            self._off_policy_losses = weighted_losses(pipeline, component.loss_names, weights)
            self._off_policy_updates = component.updates
        self._optimizer: Rule | None = None
        self._progress: Progress | None = None
        self._knobs: Knobs | None = None

    def at(self, progress: Progress) -> Knobs:
        """Return the knobs at `progress`, which are computed once for each progress.

        Raises ValueError where the stage's teacher forcing leaves [0, 1].
        """
        if self._knobs is None or progress is not self._progress:
            self._knobs = self._computed(progress)
            self._progress = progress
        return self._knobs

    def _computed(self, progress: Progress) -> Knobs:
        settings = self.settings
        return Knobs(
            gamma=settings.gamma,
            gae_lambda=settings.gae_lambda if settings.use_gae else 1.0,
            max_grad_norm=settings.max_grad_norm,
            epochs=settings.update_repeats or 0,
            num_steps=settings.num_steps,
            num_mini_batch=settings.num_mini_batch,
            optimizer=self._scheduled_optimizer(progress.total_steps),
            losses=active_losses(self._losses, progress.stage_steps),
            teacher=self._teacher_probabilities(progress.stage_steps),
            off_policy=self._off_policy(progress.stage_steps),
        )

    def _scheduled_optimizer(self, total_steps: int) -> Rule:
        """Return the optimizer with the learning rate that the pipeline's schedule gives."""
        lr = self._rule.lr * self._lr_factor(total_steps)
        if self._optimizer is None or self._optimizer.lr != lr:
            self._optimizer = self._rule.at(lr)
        return self._optimizer

    def _teacher_probabilities(self, stage_steps: int) -> tuple[float, ...] | None:
        """Return the stage's schedule at each step of the next rollout, if it has one."""
        schedule = self._teacher_forcing
        if schedule is None:
            return None
        return tuple(
            probability(schedule, self._index, stage_steps + t * self._lanes)
            for t in range(self.settings.num_steps)
        )

    def _off_policy(self, stage_steps: int) -> OffPolicyUpdates | None:
        """Return the updates from recorded data, if the stage has any whose losses count."""
        if not self._off_policy_losses:
            return None
        losses = active_losses(self._off_policy_losses, stage_steps)
        return OffPolicyUpdates(self._off_policy_updates, losses)


def knobs_at(pipeline: TrainingPipeline, progress: Progress, lanes: int) -> Knobs:
    """Return the knobs of a member of this pipeline, with `lanes` lanes, at `progress`."""
    return StageKnobs(pipeline, progress.stage, lanes).at(progress)


def probability(schedule: Callable[[int], float], stage: int, steps: int) -> float:
    """Return a schedule's value after `steps`; raise ValueError unless it is in [0, 1]."""
    value = schedule(steps)
    if not 0 <= value <= 1:
        raise ValueError(
            f"The teacher_forcing of stage {stage} is {value} after {steps:,} steps: a probability"
            " is in [0, 1]."
        )
    return float(value)


def weighted_losses(
    pipeline: TrainingPipeline, names: Sequence[str], weights: Sequence[float]
) -> WeightedLosses:
    """Return the pipeline's losses of these names; one of weight 0 would change nothing."""
    return tuple(
        (name, loss, weight)
        for name, weight in zip(names, weights, strict=True)
        if weight and isinstance(loss := pipeline.loss(name), AnyLoss)
    )


def active_losses(losses: WeightedLosses, stage_steps: int) -> tuple[ActiveLoss, ...]:
    """Return the losses with their hyperparameters after `stage_steps` steps in the stage."""
    return tuple(
        ActiveLoss(name, loss, weight, loss.hyperparameters(stage_steps))
        for name, loss, weight in losses
    )
