"""The settings of a member's next rollout and update, for each member of a pack.

Shapes: K members.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segue.train.losses import AnyLoss, Loss
from segue.train.optimizers import Rule


@dataclass(frozen=True)
class ActiveLoss:
    """A loss that the member's stage names, with its weight and hyperparameters at this step."""

    name: str
    loss: AnyLoss
    weight: float
    hyperparameters: dict[str, float]

    @property
    def structure(self) -> Hashable:
        """What members must have in common for this loss to be computed for all of them at once."""
        return self.name, self.loss.structure


@dataclass(frozen=True)
class OffPolicyUpdates:
    """The updates from recorded data that follow each rollout."""

    updates: int
    losses: tuple[ActiveLoss, ...]


@dataclass(frozen=True)
class Knobs:
    """The settings of one member's next rollout and update."""

    gamma: float
    gae_lambda: float  # 1 where the stage does not use GAE: the plain discounted return
    max_grad_norm: float
    epochs: int
    num_steps: int
    num_mini_batch: int
    optimizer: Rule
    losses: tuple[ActiveLoss, ...]
    # Probability of the expert's action at each step of the rollout.
    teacher: tuple[float, ...] | None = None
    off_policy: OffPolicyUpdates | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Steps of a rollout and minibatches of an epoch: equal for members of one pack."""
        return self.num_steps, self.num_mini_batch

    @property
    def needs_expert(self) -> bool:
        """Whether the member's rollout queries the expert."""
        return self.teacher is not None or any(
            isinstance(active.loss, Loss) and active.loss.needs_expert for active in self.losses
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
        """Number of optimizer updates after each rollout."""
        return self.epochs * self.num_mini_batch

    @property
    def program(self) -> Hashable:
        """What members must have in common to be updated together: operations and their number."""
        return (
            self.epochs,
            self.optimizer.structure,
            tuple(active.structure for active in self.losses),
        )

    @property
    def off_policy_program(self) -> Hashable:
        """What members must have in common for updates from recorded data; see `program`."""
        part = self.off_policy
        return part and (
            part.updates,
            self.optimizer.structure,
            tuple(active.structure for active in part.losses),
        )


def member_values(knobs: Sequence[Knobs], name: str) -> NDArray[np.float32]:
    """Return the knob of this name of every member, `[K]`."""
    return np.array([getattr(member, name) for member in knobs], np.float32)
