"""The interface of a distribution over actions, as a function of a policy's outputs.

Shapes: K members, B samples, A outputs of the actor, Z numbers of noise for one action. Sampling
takes its noise as an argument, so that each member's noise comes from its own generator and a
rollout draws it once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies.arrays.stacked import Array


class Head(ABC):
    """A distribution over actions, without parameters itself. Subclasses are frozen dataclasses."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of the actor's outputs, A."""

    @property
    def noise_size(self) -> int:
        """Numbers of noise for one action, Z."""
        return self.size

    @property
    def extra(self) -> int:
        """Number of parameters of the head in addition to the network's outputs."""
        return 0

    def initial_extra(self) -> NDArray[np.float32]:
        """Return the initial values of these parameters, `[1, extra]`."""
        return np.zeros((1, self.extra), np.float32)

    @property
    @abstractmethod
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action."""

    @property
    def action_dtype(self) -> torch.dtype:
        """Type of actions: indices, unless the head overrides it."""
        return torch.int64

    def draw_noise(self, generator: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out` `[..., Z]` with uniform noise in [0, 1), unless the head overrides it."""
        generator.random(dtype=np.float32, out=out)

    @abstractmethod
    def shape_noise(self, noise: Tensor) -> Tensor:
        """Turn what `draw_noise` drew into what `sample` takes, in place."""

    def spread(self, extra: Tensor) -> Tensor:
        """Return what `sample` needs of the head's parameters, computed once per rollout."""
        return extra

    @abstractmethod
    def sample(self, inputs: Array, spread: Array, noise: Array) -> Array:
        """Return actions that are drawn with this noise."""

    @abstractmethod
    def mode(self, inputs: Array) -> Array:
        """Return the most likely actions."""

    def log_prob(self, inputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Return the log-probability of `action` alone, differentiable."""
        return self.log_prob_and_entropy(inputs, extra, action)[0]

    @abstractmethod
    def log_prob_and_entropy(
        self, inputs_KBA: Tensor, extra: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy in nats, both `[K, B]` and differentiable."""
