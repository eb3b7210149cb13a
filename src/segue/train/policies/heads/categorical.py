"""One of several actions, or several such choices at once.

Shapes: K members, B samples, A actions of all choices, C choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.autograd import Function

from segue.train.autograd import Context, apply
from segue.train.policies.arrays.stacked import Array, array_module
from segue.train.policies.heads.head import Head


def gumbel(uniform: Tensor) -> Tensor:
    """Turn uniform noise into Gumbel noise, in place: -log(-log(u))."""
    return uniform.clamp_(min=1e-7).log_().neg_().clamp_(min=1e-7).log_().neg_()


@dataclass(frozen=True)
class Categorical(Head):
    """One of a number of `actions`; the policy's outputs are logits."""

    actions: int

    @property
    def size(self) -> int:
        """Number of logits: one per action."""
        return self.actions

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: a scalar."""
        return ()

    def shape_noise(self, noise: Tensor) -> Tensor:
        """Turn uniform noise into Gumbel noise, in place: -log(-log(u))."""
        return gumbel(noise)

    def sample(self, logits: Array, spread: Array, noise: Array) -> Array:
        """Draw actions by the Gumbel-max trick (Maddison et al., 2014, "A* sampling", sec. 2)."""
        return (logits + noise).argmax(-1)

    def mode(self, logits: Array) -> Array:
        """Return the most likely action."""
        return logits.argmax(-1)

    def log_prob(self, logits: Tensor, extra: Tensor, action: Tensor) -> Tensor:
        """Return the log-probability of `action`."""
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
class MultiCategorical(Head):
    """One action of each of several independent choices, of `sizes` actions.

    The policy's outputs are the logits of all choices, one after another. Log-probabilities and
    entropies are sums over the choices.
    """

    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of logits of all choices, A."""
        return sum(self.sizes)

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: an index for each choice."""
        return (len(self.sizes),)

    def shape_noise(self, noise: Tensor) -> Tensor:
        """Turn uniform noise into Gumbel noise, in place."""
        return gumbel(noise)

    def sample(self, logits: Array, spread: Array, noise: Array) -> Array:
        """Draw an action of each choice, as `Categorical.sample` does."""
        return self.mode(logits + noise)

    def mode(self, logits: Array) -> Array:
        """Return the most likely action of each choice, `[..., C]`."""
        ends = accumulate(self.sizes)
        parts = [
            logits[..., end - size : end].argmax(-1)
            for end, size in zip(ends, self.sizes, strict=True)
        ]
        return array_module(logits).stack(parts, -1)

    def log_prob_and_entropy(
        self, logits_KBA: Tensor, extra: Tensor, action_KBC: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Head.log_prob_and_entropy`."""
        choices = zip(logits_KBA.split(self.sizes, -1), action_KBC.unbind(-1), strict=True)
        parts = [apply(CategoricalLogProb, logits, action) for logits, action in choices]
        log_probs, entropies = zip(*parts, strict=True)
        return sum(log_probs[1:], log_probs[0]), sum(entropies[1:], entropies[0])
