"""Distributions over actions, as functions of a policy's outputs.

Shapes: K members, B samples, A actions (categorical) or action dimensions (Gaussian). Sampling
takes its noise as an argument, so that each member's noise comes from its own generator and a
rollout draws it once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from segue.train.autograd import Context, apply
from segue.train.policies.stacked import Array


@dataclass(frozen=True)
class Categorical:
    """One of `size` actions; the policy's outputs are logits."""

    size: int
    extra: int = 0  # parameters of the head in addition to the network's outputs

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: a scalar."""
        return ()

    @property
    def action_dtype(self) -> torch.dtype:
        """Actions are indices."""
        return torch.int64

    def draw_noise(self, generator: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out` `[..., A]` with uniform noise in [0, 1)."""
        generator.random(dtype=np.float32, out=out)

    def shape_noise(self, noise: Tensor) -> Tensor:
        """Turn uniform noise into Gumbel noise, in place: -log(-log(u))."""
        return noise.clamp_(min=1e-7).log_().neg_().clamp_(min=1e-7).log_().neg_()

    def spread(self, extra: Tensor) -> Tensor:
        """Return the scale of the noise, which is not used here."""
        return extra

    def sample(self, logits: Array, spread: Array, noise: Array) -> Array:
        """Draw actions by the Gumbel-max trick (Maddison et al., 2014, "A* sampling", sec. 2)."""
        return (logits + noise).argmax(-1)

    def mode(self, logits: Array) -> Array:
        """Return the most likely action."""
        return logits.argmax(-1)

    def log_prob(self, logits: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Return the log-probability of `action`, without a gradient."""
        return torch.log_softmax(logits, -1).gather(-1, action.unsqueeze(-1)).squeeze(-1)

    def log_prob_and_entropy(
        self, logits_KBA: Tensor, extra: Tensor, action_KB: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy in nats, both `[K, B]` and differentiable."""
        log_prob, entropy = apply(CategoricalLogProb, logits_KBA, action_KB)
        return log_prob, entropy


class CategoricalLogProb(Function):
    """`log pi(a)` and `H(pi)` from logits, with explicit gradients.

    d log pi(a) / d logit_j = [j = a] - pi_j
    d H / d logit_j         = -pi_j * (log pi_j + H)
    """

    @staticmethod
    def forward(ctx: Context, logits: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy, both of the shape of `action`."""
        log_p = torch.log_softmax(logits, -1)
        p = log_p.exp()
        entropy = (p * log_p).sum(-1).neg_()
        index = action.unsqueeze(-1)
        ctx.save_for_backward(log_p, p, entropy, index)
        return log_p.gather(-1, index).squeeze(-1), entropy

    @staticmethod
    def backward(ctx: Context, d_log_prob: Tensor, d_entropy: Tensor) -> tuple[Tensor, None]:
        """Combine both gradients into that of the logits."""
        log_p, p, entropy, index = ctx.saved_tensors
        d_log_prob = d_log_prob.unsqueeze(-1)
        scale = (log_p + entropy.unsqueeze(-1)).mul_(d_entropy.unsqueeze(-1)).add_(d_log_prob)
        return p.mul(scale).neg_().scatter_add_(-1, index, d_log_prob), None


@dataclass(frozen=True)
class Gaussian:
    """Real actions from a diagonal Gaussian.

    The policy's outputs are the means, and the log standard deviations are free parameters. Actions
    are not squashed: the world clips them to its bounds, and log-probabilities are those of the
    unclipped action.
    """

    size: int

    @property
    def extra(self) -> int:
        """Number of log standard deviations: one per dimension."""
        return self.size

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: a vector."""
        return (self.size,)

    @property
    def action_dtype(self) -> torch.dtype:
        """Actions are 32-bit floats."""
        return torch.float32

    def draw_noise(self, generator: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out` `[..., A]` with standard normal noise."""
        generator.standard_normal(dtype=np.float32, out=out)

    def shape_noise(self, noise: Tensor) -> Tensor:
        """Return the standard normal noise unchanged."""
        return noise

    def spread(self, log_std: Tensor) -> Tensor:
        """Return the scale of the noise: the standard deviation."""
        return log_std.exp()

    def sample(self, mean: Array, std: Array, noise: Array) -> Array:
        """Draw actions: mean + std * noise."""
        return mean + std * noise

    def mode(self, mean: Array) -> Array:
        """Return the mean, which is the most likely action."""
        return mean

    def log_prob(self, mean: Tensor, log_std: Tensor, action: Tensor) -> Tensor:
        """Return the log-density of `action`, summed over its dimensions."""
        z = (action - mean) * torch.exp(-log_std)
        return -(0.5 * z * z + log_std + 0.5 * math.log(2 * math.pi)).sum(-1)

    def log_prob_and_entropy(
        self, mean_KBA: Tensor, log_std_K1A: Tensor, action_KBA: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log-density and entropy in nats, both `[K, B]` and differentiable."""
        entropy = (log_std_K1A + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)
        log_prob = self.log_prob(mean_KBA, log_std_K1A, action_KBA)
        return log_prob, entropy.expand_as(log_prob)


Head = Categorical | Gaussian
