"""Real actions from diagonal Gaussians.

Shapes: K members, B samples, D dimensions of an action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies.arrays.stacked import Array, array_module
from segue.train.policies.heads.head import Head

LOG_STD_RANGE = (-20.0, 2.0)
"""Bounds of log standard deviations that depend on the state, as in Stable-Baselines3's SAC."""


class NormalNoise(Head):
    """The common part of distributions of real actions."""

    @property
    def action_dtype(self) -> torch.dtype:
        """Actions are 32-bit floats."""
        return torch.float32

    def draw_noise(self, generator: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out` `[..., D]` with standard normal noise."""
        generator.standard_normal(dtype=np.float32, out=out)

    def shape_noise(self, noise: Tensor) -> Tensor:
        """Return the standard normal noise unchanged."""
        return noise


@dataclass(frozen=True)
class Gaussian(NormalNoise):
    """Real actions from a diagonal Gaussian.

    The policy's outputs are the means, and the log standard deviations are free parameters, which
    start at `log_std_init`. Actions are not squashed: the world clips them to its bounds, and
    log-probabilities are those of the unclipped action.
    """

    dimensions: int
    log_std_init: float = 0.0

    @property
    def size(self) -> int:
        """Number of means: one per dimension."""
        return self.dimensions

    @property
    def extra(self) -> int:
        """Number of log standard deviations: one per dimension."""
        return self.dimensions

    def initial_extra(self) -> NDArray[np.float32]:
        """Return the initial log standard deviations, `[1, D]`."""
        return np.full((1, self.dimensions), self.log_std_init, np.float32)

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: a vector."""
        return (self.dimensions,)

    def spread(self, extra: Tensor) -> Tensor:
        """Return the scale of the noise: the standard deviation."""
        return extra.exp()

    def sample(self, inputs: Array, spread: Array, noise: Array) -> Array:
        """Draw actions: mean + std * noise."""
        return inputs + spread * noise

    def mode(self, inputs: Array) -> Array:
        """Return the mean, which is the most likely action."""
        return inputs

    def log_prob(self, inputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Return the log-density of `action`, summed over its dimensions."""
        return log_density(inputs, extra, action)

    def log_prob_and_entropy(
        self, inputs_KBA: Tensor, extra: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log-density and entropy in nats, both `[K, B]` and differentiable."""
        entropy = gaussian_entropy(extra)  # first: autograd adds gradients in the reverse order
        log_prob = log_density(inputs_KBA, extra, action)
        return log_prob, entropy.expand_as(log_prob)


@dataclass(frozen=True)
class StateGaussian(NormalNoise):
    """Real actions from a diagonal Gaussian whose standard deviations depend on the state.

    The policy's outputs are the means and, after them, what is added to `log_std_init` for the log
    standard deviations, which are clipped to `LOG_STD_RANGE`.
    """

    dimensions: int
    log_std_init: float = 0.0

    @property
    def size(self) -> int:
        """Number of means and log standard deviations: two per dimension."""
        return 2 * self.dimensions

    @property
    def noise_size(self) -> int:
        """Numbers of noise for one action: one per dimension."""
        return self.dimensions

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: a vector."""
        return (self.dimensions,)

    def sample(self, inputs: Array, spread: Array, noise: Array) -> Array:
        """Draw actions: mean + std * noise."""
        return self.mode(inputs) + array_module(inputs).exp(self._log_std(inputs)) * noise

    def mode(self, inputs: Array) -> Array:
        """Return the mean, which is the most likely action."""
        return inputs[..., : self.dimensions]

    def log_prob(self, inputs: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Return the log-density of `action`, summed over its dimensions."""
        return log_density(self.mode(inputs), self._log_std(inputs), action)

    def log_prob_and_entropy(
        self, inputs_KBA: Tensor, extra: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log-density and entropy in nats, both `[K, B]` and differentiable."""
        log_std = self._log_std(inputs_KBA)
        return log_density(self.mode(inputs_KBA), log_std, action), gaussian_entropy(log_std)

    def _log_std(self, inputs: Array) -> Array:
        log_std = inputs[..., self.dimensions :] + self.log_std_init
        return array_module(inputs).clip(log_std, *LOG_STD_RANGE)


def log_density(mean: Tensor, log_std: Tensor, action: Tensor) -> Tensor:
    """Return the log-density of `action`, summed over its dimensions."""
    z = (action - mean) * torch.exp(-log_std)
    return -(0.5 * z * z + log_std + 0.5 * math.log(2 * math.pi)).sum(-1)


def gaussian_entropy(log_std: Tensor) -> Tensor:
    """Return the entropy in nats, summed over the dimensions."""
    return (log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)
