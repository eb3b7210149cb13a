"""A stage as a row of numbers: what a member's next rollout and update need to know, for each member of a pack.

Shapes: K members.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segue.plan.pipeline import TrainingPipeline
from segue.plan.progress import Progress
from segue.train.learning_rate import lr_factor
from segue.train.losses import Loss
from segue.train.optimizer import AdamSettings


@dataclass(frozen=True)
class ActiveLoss:
    """A loss that the member's stage names, with its weight and its numbers at this moment."""

    name: str
    loss: Loss
    weight: float
    numbers: dict[str, float]


@dataclass(frozen=True)
class Knobs:
    """One member's row."""

    gamma: float
    gae_lambda: float  # 1 where the stage does not use GAE: the plain discounted return
    max_grad_norm: float
    epochs: int
    num_steps: int
    num_mini_batch: int
    adam: AdamSettings
    losses: tuple[ActiveLoss, ...]
    teacher: tuple[float, ...] | None = None  # probability of the expert's action at each step of the rollout

    @property
    def shape(self) -> tuple[int, int]:
        """What members must share to be collected together: steps of a rollout, minibatches of an epoch."""
        return self.num_steps, self.num_mini_batch

    @property
    def needs_expert(self) -> bool:
        """Whether the member's rollout asks the expert."""
        return self.teacher is not None or any(active.loss.needs_expert for active in self.losses)

    @property
    def updates(self) -> int:
        """Optimizer updates after each rollout."""
        return self.epochs * self.num_mini_batch

    @property
    def program(self) -> Hashable:
        """What members must share to be updated together: the same operations, the same number of times."""
        return self.epochs, tuple((active.name, active.loss.structure) for active in self.losses)


def knobs_at(pipeline: TrainingPipeline, progress: Progress, lanes: int) -> Knobs:
    """The row of numbers for a member of this pipeline, with so many lanes, that stands at `progress`."""
    settings = pipeline.settings(progress.stage)
    return Knobs(
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda if settings.use_gae else 1.0,
        max_grad_norm=settings.max_grad_norm,
        epochs=settings.update_repeats or 0,
        num_steps=settings.num_steps,
        num_mini_batch=settings.num_mini_batch,
        adam=scheduled(pipeline, progress),
        losses=active_losses(pipeline, progress),
        teacher=teacher_forcing(pipeline, progress, lanes),
    )


def scheduled(pipeline: TrainingPipeline, progress: Progress) -> AdamSettings:
    """The optimizer's numbers, with the learning rate that the pipeline's schedule gives now."""
    adam = AdamSettings.of(pipeline.optimizer_builder)
    lr = adam.lr * lr_factor(pipeline.lr_scheduler_builder)(progress.total_steps)
    return replace(adam, lr=lr).checked()


def teacher_forcing(pipeline: TrainingPipeline, progress: Progress, lanes: int) -> tuple[float, ...] | None:
    """The stage's schedule at each step of the next rollout, in environment steps taken in the stage.

    Raises ValueError where it leaves [0, 1].
    """
    schedule = pipeline.pipeline_stages[progress.stage].teacher_forcing
    if schedule is None:
        return None
    steps = range(pipeline.settings(progress.stage).num_steps)
    return tuple(probability(schedule, progress.stage, progress.stage_steps + t * lanes) for t in steps)


def probability(schedule: Callable[[int], float], stage: int, steps: int) -> float:
    """What a teacher-forcing schedule says after `steps`; ValueError unless it is in [0, 1]."""
    said = schedule(steps)
    if not 0 <= said <= 1:
        raise ValueError(
            f"The teacher_forcing of stage {stage} is {said} after {steps:,} steps: a probability is in [0, 1]."
        )
    return float(said)


def active_losses(pipeline: TrainingPipeline, progress: Progress) -> tuple[ActiveLoss, ...]:
    """The losses of the member's stage; a loss of weight 0 is left out (it would change nothing)."""
    stage = pipeline.pipeline_stages[progress.stage]
    return tuple(
        ActiveLoss(name, loss, weight, loss.knobs(progress.stage_steps))
        for name, weight in zip(stage.loss_name, stage.loss_weights, strict=True)
        if weight and isinstance(loss := pipeline.loss(name), Loss)
    )


def column(knobs: Sequence[Knobs], name: str) -> NDArray[np.float32]:
    """One number of every member, `[K]`."""
    return np.array([getattr(row, name) for row in knobs], np.float32)
