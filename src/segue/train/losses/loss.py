"""The interface of losses.

A loss is a value with hyperparameters, and a pure function of a minibatch, the policy's outputs and
these hyperparameters.

Shapes: K members, B samples of a minibatch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import ClassVar

from torch import Tensor

from segue.train.data.batch import Batch, DataBatch
from segue.train.policies import Outputs

Hyperparameters = Mapping[str, Tensor]
Info = dict[str, Tensor]


class AnyLoss(ABC):
    """The common base of losses.

    Subclasses are frozen dataclasses, so that a pipeline with losses is a value.
    """

    @abstractmethod
    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return the hyperparameters after `stage_steps` environment steps in the stage.

        Members of a pack may differ in them.
        """

    @property
    def structure(self) -> Hashable:
        """Return what the members of one pack must share.

        That is the class, and every setting that decides which operations run.
        """
        return type(self)


class Loss(AnyLoss):
    """A loss of a pipeline's stage, which learns from rollouts.

    Attributes:
        needs_expert: Whether the loss reads the expert's actions.
        needs_auxiliary: Whether the policy must have a second actor.
        policy_loss: The entry of the logged numbers that is the diagnostic `policy_loss`, if any.
        ratio_clip: The hyperparameter that limits how far the probability ratio may leave 1, which
            the diagnostic `clip_fraction` reads, if any.
    """

    needs_expert: ClassVar[bool] = False
    needs_auxiliary: ClassVar[bool] = False
    policy_loss: ClassVar[str | None] = None
    ratio_clip: ClassVar[str | None] = None

    @property
    def kl_limit(self) -> float | None:
        """The approximate KL divergence above which a member's updates from a rollout end.

        None if they are never ended early.
        """
        return None

    @property
    def needs_expert_policy(self) -> bool:
        """Whether the loss reads the probabilities of all of the expert's actions."""
        return False

    @abstractmethod
    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return the loss of each member `[K]` and what to log, `[K]` each.

        A hyperparameter is a tensor `[K, 1]`.
        """


class OffPolicyLoss(AnyLoss):
    """A loss of a stage's off-policy component.

    It learns from the data of the component's iterator.
    """

    @abstractmethod
    def __call__(
        self, batch: DataBatch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return the loss of each member `[K]` and what to log, `[K]` each.

        A hyperparameter is a tensor `[K, 1]`.
        """
