"""Several independent yes-or-no actions at once.

Shapes: K members, B samples, A bits of an action.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function

from segue.train.autograd import Context, apply
from segue.train.policies.arrays.stacked import Array
from segue.train.policies.heads.head import Head


@dataclass(frozen=True)
class Bernoulli(Head):
    """A number of independent `bits`, each 0 or 1; the policy's outputs are the logits of 1.

    Log-probabilities and entropies are sums over the bits.
    """

    bits: int

    @property
    def size(self) -> int:
        """Number of logits: one per bit."""
        return self.bits

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of one action: a vector of bits."""
        return (self.bits,)

    def shape_noise(self, noise: Tensor) -> Tensor:
        """Turn uniform noise into logistic noise, in place: log(u) - log(1 - u)."""
        complement = (1 - noise).clamp_(min=1e-7).log_()
        return noise.clamp_(min=1e-7).log_().sub_(complement)

    def sample(self, inputs: Array, spread: Array, noise: Array) -> Array:
        """Draw bits: 1 where the logit is greater than logistic noise."""
        return self.mode(inputs + noise)

    def mode(self, inputs: Array) -> Array:
        """Return the most likely value of each bit."""
        likely = inputs > 0
        return likely.long() if isinstance(likely, Tensor) else likely.astype("int64")

    def log_prob_and_entropy(
        self, inputs_KBA: Tensor, extra: Tensor, action: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy in nats, both `[K, B]` and differentiable."""
        log_prob, entropy = apply(BernoulliLogProb, inputs_KBA, action)
        return log_prob, entropy


class BernoulliLogProb(Function):
    """`log pi(a)` and `H(pi)` from logits, with explicit gradients.

    With p = sigmoid(logit): d log pi(a) / d logit = a - p, d H / d logit = -logit * p * (1 - p).
    """

    @staticmethod
    def forward(ctx: Context, logits: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy, both `[K, B]`."""
        taken = action.to(logits.dtype)
        small = logits.abs().neg_().exp_()  # exp(-|logit|), which never overflows
        p = torch.where(logits >= 0, 1.0, small) / (1 + small)
        log_no = -(logits.clamp(min=0) + small.log1p())  # log(1 - p)
        log_prob = (taken * logits + log_no).sum(-1)
        entropy = -(p * logits + log_no).sum(-1)
        ctx.save_for_backward(logits, p, taken)
        return log_prob, entropy

    @staticmethod
    def backward(ctx: Context, d_log_prob: Tensor, d_entropy: Tensor) -> tuple[Tensor, None]:
        """Combine both gradients into that of the logits."""
        logits, p, taken = ctx.saved_tensors
        slope = logits * p * (1 - p)
        return d_log_prob.unsqueeze(-1) * (taken - p) - d_entropy.unsqueeze(-1) * slope, None
