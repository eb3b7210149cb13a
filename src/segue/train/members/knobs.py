"""A stage as a row of numbers: what a member's next rollout and update need to know, for each
member of a pack.

Shapes: K members.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segue.plan.pipelines.pipeline import TrainingPipeline
from segue.plan.pipelines.progress import Progress
from segue.train.losses import AnyLoss, Loss
from segue.train.members.learning_rate import lr_factor
from segue.train.optimizers import Rule, rule_of


@dataclass(frozen=True)
class ActiveLoss:
    """A loss that the member's stage names, with its weight and its numbers at this moment."""

    name: str
    loss: AnyLoss
    weight: float
    hyperparameters: dict[str, float]

    @property
    def structure(self) -> Hashable:
        """What members must share to compute it together."""
        return self.name, self.loss.structure


@dataclass(frozen=True)
class OffPolicy:
    """The updates from other data that follow each rollout."""

    updates: int
    losses: tuple[ActiveLoss, ...]


@dataclass(frozen=True)
class Knobs:
    """One member's row."""

    gamma: float
    gae_lambda: float  # 1 where the stage does not use GAE: the plain discounted return
    max_grad_norm: float
    epochs: int
    num_steps: int
    num_mini_batch: int
    optimizer: Rule
    losses: tuple[ActiveLoss, ...]
    teacher: tuple[float, ...] | None = (
        None  # probability of the expert's action at each step of the rollout
    )
    off_policy: OffPolicy | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """What members must share to be collected together: steps of a rollout, minibatches of an
        epoch.
        """
        return self.num_steps, self.num_mini_batch

    @property
    def needs_expert(self) -> bool:
        """Whether the member's rollout asks the expert."""
        return self.teacher is not None or any(
            isinstance(a.loss, Loss) and a.loss.needs_expert for a in self.losses
        )

    @property
    def needs_expert_policy(self) -> bool:
        """Whether a loss reads the probabilities of all of the expert's actions."""
        return any(
            isinstance(active.loss, Loss) and active.loss.needs_expert_policy
            for active in self.losses
        )

    @property
    def updates(self) -> int:
        """Optimizer updates after each rollout."""
        return self.epochs * self.num_mini_batch

    @property
    def program(self) -> Hashable:
        """What members must share to be updated together: the same operations, the same number of
        times.
        """
        return (
            self.epochs,
            self.optimizer.structure,
            tuple(active.structure for active in self.losses),
        )

    @property
    def off_policy_program(self) -> Hashable:
        """The same for the updates from other data."""
        part = self.off_policy
        return part and (
            part.updates,
            self.optimizer.structure,
            tuple(active.structure for active in part.losses),
        )


def knobs_at(pipeline: TrainingPipeline, progress: Progress, lanes: int) -> Knobs:
    """The row of numbers for a member of this pipeline, with so many lanes, that stands at
    `progress`.
    """
    settings = pipeline.settings(progress.stage)
    return Knobs(
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda if settings.use_gae else 1.0,
        max_grad_norm=settings.max_grad_norm,
        epochs=settings.update_repeats or 0,
        num_steps=settings.num_steps,
        num_mini_batch=settings.num_mini_batch,
        optimizer=scheduled(pipeline, progress),
        losses=on_policy_losses(pipeline, progress),
        teacher=teacher_forcing(pipeline, progress, lanes),
        off_policy=off_policy(pipeline, progress),
    )


def scheduled(pipeline: TrainingPipeline, progress: Progress) -> Rule:
    """The optimizer's numbers, with the learning rate that the pipeline's schedule gives now."""
    rule = rule_of(pipeline.optimizer_builder)
    return rule.at(rule.lr * lr_factor(pipeline.lr_scheduler_builder)(progress.total_steps))


def teacher_forcing(
    pipeline: TrainingPipeline, progress: Progress, lanes: int
) -> tuple[float, ...] | None:
    """The stage's schedule at each step of the next rollout, in environment steps taken in the
    stage.

    Raises ValueError where it leaves [0, 1].
    """
    schedule = pipeline.pipeline_stages[progress.stage].teacher_forcing
    if schedule is None:
        return None
    steps = range(pipeline.settings(progress.stage).num_steps)
    return tuple(
        probability(schedule, progress.stage, progress.stage_steps + t * lanes) for t in steps
    )


def probability(schedule: Callable[[int], float], stage: int, steps: int) -> float:
    """What a teacher-forcing schedule says after `steps`; ValueError unless it is in [0, 1]."""
    said = schedule(steps)
    if not 0 <= said <= 1:
        raise ValueError(
            f"The teacher_forcing of stage {stage} is {said} after {steps:,} steps: a probability"
            " is in [0, 1]."
        )
    return float(said)


def on_policy_losses(pipeline: TrainingPipeline, progress: Progress) -> tuple[ActiveLoss, ...]:
    """The losses of the member's stage."""
    stage = pipeline.pipeline_stages[progress.stage]
    return active_losses(pipeline, stage.loss_name, stage.loss_weights, progress)


def off_policy(pipeline: TrainingPipeline, progress: Progress) -> OffPolicy | None:
    """The off-policy component of the member's stage, if it has one with losses that count."""
    component = pipeline.pipeline_stages[progress.stage].offpolicy_component
    if component is None:
        return None
    weights = component.loss_weights or (1.0,) * len(component.loss_names)
    losses = active_losses(pipeline, component.loss_names, weights, progress)
    return OffPolicy(component.updates, losses) if losses else None


def active_losses(
    pipeline: TrainingPipeline, names: Sequence[str], weights: Sequence[float], progress: Progress
) -> tuple[ActiveLoss, ...]:
    """The losses of these names; one of weight 0 is left out (it would change nothing)."""
    return tuple(
        ActiveLoss(name, loss, weight, loss.hyperparameters(progress.stage_steps))
        for name, weight in zip(names, weights, strict=True)
        if weight and isinstance(loss := pipeline.loss(name), AnyLoss)
    )


def member_values(knobs: Sequence[Knobs], name: str) -> NDArray[np.float32]:
    """One number of every member, `[K]`."""
    return np.array([getattr(row, name) for row in knobs], np.float32)
