"""Real actions within bounds: a Gaussian's, squashed by a hyperbolic tangent.

Shapes: K members, B samples, D dimensions of an action.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies.arrays.stacked import Array, array_module
from segue.train.policies.heads.gaussian import Gaussian, NormalNoise, StateGaussian

_EPSILON = 1e-6  # that keeps the logarithm of the derivative finite, as in Stable-Baselines3


@dataclass(frozen=True)
class Squashed(NormalNoise):
    """`tanh(u)` of a Gaussian's action u, scaled from [-1, 1] to the bounds of the action space.

    Log-probabilities are those of `tanh(u)` before it is scaled, with the correction
    `-sum(log(1 - tanh(u)^2 + 1e-6))` (Haarnoja et al., 2018, "Soft Actor-Critic", appendix C), as
    `SquashedDiagGaussianDistribution` of Stable-Baselines3. There is no closed form of the entropy;
    it is estimated by one sample, `-log pi(a)` of the action that was taken.
    """

    inner: Gaussian | StateGaussian
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of the Gaussian's outputs."""
        return self.inner.size

    @property
    def noise_size(self) -> int:
        """Numbers of noise for one action: one per dimension."""
        return self.inner.noise_size

    @property
    def extra(self) -> int:
        """Number of the Gaussian's own parameters."""
        return self.inner.extra

    def initial_extra(self) -> NDArray[np.float32]:
        """Return the initial values of the Gaussian's own parameters."""
        return self.inner.initial_extra()

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: a vector."""
        return self.inner.action_shape

    def spread(self, extra: Tensor) -> Tensor:
        """See `Head.spread`."""
        return self.inner.spread(extra)

    def sample(self, inputs: Array, spread: Array, noise: Array) -> Array:
        """Draw the Gaussian's actions, and squash and scale them."""
        return self._squashed(self.inner.sample(inputs, spread, noise))

    def mode(self, inputs: Array) -> Array:
        """Return the Gaussian's mean, squashed and scaled."""
        return self._squashed(self.inner.mode(inputs))

    def log_prob_and_entropy(
        self, inputs_KBA: Tensor, extra: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the log-density of `action`, and the estimate of the entropy: its negative."""
        middle, half = self._scale(action)
        squashed = ((action - middle) / half).clamp(-1, 1)
        limit = 1 - torch.finfo(squashed.dtype).eps
        inside = squashed.clamp(-limit, limit)
        before = 0.5 * (inside.log1p() - (-inside).log1p())
        correction = (1 - squashed * squashed + _EPSILON).log().sum(-1)
        log_prob = self.inner.log_prob(inputs_KBA, extra, before) - correction
        return log_prob, -log_prob

    def _squashed(self, action: Array) -> Array:
        middle, half = self._scale(action)
        return array_module(action).tanh(action) * half + middle

    def _scale(self, like: Array) -> tuple[Array, Array]:
        """Return middle and half width of the bounds, `[D]` each, in the form of `like`."""
        if not isinstance(like, Tensor):
            return self._bounds
        middle, half = (torch.from_numpy(bound).to(like) for bound in self._bounds)
        return middle, half

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        low = np.array(self.low)
        high = np.array(self.high)
        return ((high + low) / 2).astype(np.float32), ((high - low) / 2).astype(np.float32)
