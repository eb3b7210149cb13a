"""The outputs of a policy on a minibatch, as losses use them.

Shapes: K members, B samples, A outputs of the actor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from segue.train.policies.heads import Head


@dataclass(frozen=True)
class Outputs:
    """A policy's outputs on a minibatch, differentiable; log-probabilities are lazy."""

    head: Head
    inputs: Tensor  # [K, B, A]: logits, or means
    extra: Tensor  # [K, 1, extra]: the head's own parameters
    value: Tensor  # [K, B]
    action: Tensor  # [K, B] or [K, B, A]: those that were taken
    auxiliary: Tensor | None = None  # [K, B, A]: inputs of a second actor, where the policy has one

    @property
    def log_prob(self) -> Tensor:
        """Log-probability of the actions that were taken, `[K, B]`."""
        return self._taken[0]

    @property
    def entropy(self) -> Tensor:
        """Entropy of the policy in nats, `[K, B]`."""
        return self._taken[1]

    @property
    def computed_log_prob_and_entropy(self) -> tuple[Tensor, Tensor] | None:
        """Both for the actions that were taken, if a loss has read one of them; None otherwise."""
        return vars(self).get("_taken")

    def log_prob_of(self, action: Tensor) -> Tensor:
        """Return the log-probability of other actions in the same states, `[K, B]`."""
        return self.head.log_prob_and_entropy(self.inputs, self.extra, action)[0]

    def auxiliary_log_prob_of(self, action: Tensor) -> Tensor:
        """Return the log-probability of actions under the second actor, `[K, B]`."""
        assert self.auxiliary is not None, "checked when the sweep was made"
        return self.head.log_prob_and_entropy(self.auxiliary, self.extra, action)[0]

    @cached_property
    def log_policy(self) -> Tensor:
        """Log-probabilities of all actions, `[K, B, A]`; for discrete actions."""
        return torch.log_softmax(self.inputs, -1)

    @cached_property
    def _taken(self) -> tuple[Tensor, Tensor]:
        return self.head.log_prob_and_entropy(self.inputs, self.extra, self.action)
