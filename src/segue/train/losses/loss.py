"""What a loss is: a value of numbers, and a pure function of a minibatch, the policy's outputs and those numbers.

Shapes: K members, B samples of a minibatch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor

from segue.train.policies import Outputs

Knobs = Mapping[str, Tensor]
Info = dict[str, Tensor]


class Batch(NamedTuple):
    """A minibatch of a rollout; `[K, B]` unless said otherwise, none of it differentiable."""

    observation: Tensor  # [K, B, ...]
    action: Tensor  # [K, B] or [K, B, A]
    log_prob: Tensor  # of the action when it was taken
    advantage: Tensor
    value_target: Tensor  # advantage + value: the return that the critic learns
    value: Tensor  # of the observation when the rollout was collected
    expert_action: Tensor | None = None  # like `action`; None where nothing asks for the expert
    expert_available: Tensor | None = None  # 1.0 where the expert knew what to do, else 0.0


class Loss(ABC):
    """A loss of a pipeline. Subclasses are frozen dataclasses, so that a pipeline with losses is a value."""

    needs_expert: ClassVar[bool] = False

    @abstractmethod
    def knobs(self, stage_steps: int) -> dict[str, float]:
        """The numbers of this loss after `stage_steps` environment steps in the stage; members may differ in them."""

    @abstractmethod
    def __call__(self, batch: Batch, outputs: Outputs, knobs: Knobs) -> tuple[Tensor, Info]:
        """The loss of each member `[K]`, and what to log, `[K]` each; a knob is a tensor `[K, 1]`."""

    @property
    def structure(self) -> Hashable:
        """What members of one pack must share: the class, and whatever decides which operations are done."""
        return type(self)
