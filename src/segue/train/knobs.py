"""A stage as a row of numbers: what a member's next rollout and update need to know, for each member of a pack.

Shapes: K members.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segue.plan.pipeline import TrainingPipeline
from segue.plan.progress import Progress
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

    @property
    def shape(self) -> tuple[int, int]:
        """What members must share to be collected together: steps of a rollout, minibatches of an epoch."""
        return self.num_steps, self.num_mini_batch

    @property
    def updates(self) -> int:
        """Optimizer updates after each rollout."""
        return self.epochs * self.num_mini_batch

    @property
    def program(self) -> Hashable:
        """What members must share to be updated together: the same operations, the same number of times."""
        return self.epochs, tuple((active.name, active.loss.structure) for active in self.losses)


def knobs_at(pipeline: TrainingPipeline, progress: Progress) -> Knobs:
    """The row of numbers for a member of this pipeline that stands at `progress`."""
    settings = pipeline.settings(progress.stage)
    return Knobs(
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda if settings.use_gae else 1.0,
        max_grad_norm=settings.max_grad_norm,
        epochs=settings.update_repeats or 0,
        num_steps=settings.num_steps,
        num_mini_batch=settings.num_mini_batch,
        adam=AdamSettings.of(pipeline.optimizer_builder),
        losses=active_losses(pipeline, progress),
    )


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
