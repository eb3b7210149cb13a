"""Losses that are written for one member and run on a pack.

Shapes: K members, B samples of a minibatch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from segue.train.data.batch import Batch
from segue.train.losses.loss import Hyperparameters, Info, Loss
from segue.train.policies import Outputs

Tensors = Mapping[str, Tensor]


class MemberLoss(Loss):
    """A loss that is written for one member in plain torch.

    `torch.func.vmap` runs it on all members of a pack at once. `member_loss` must therefore not
    depend on the values of tensors in Python (no `if` on a tensor, no `.item()`).
    """

    @abstractmethod
    def member_loss(
        self, batch: Tensors, outputs: Tensors, hyperparameters: Tensors
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one member, a number, and numbers to log.

        Arguments:
            batch: "observation" `[B, O]`, "action" `[B]` or `[B, A]`; "log_prob", "advantage",
                "value_target", "value" and "normalized_advantage" `[B]` as they were in the
                rollout; if an expert is queried, "expert_action" and "expert_available".
            outputs: "log_prob" and "entropy" `[B]` of the policy for these actions, "value" `[B]`,
                and "inputs" `[B, A]`, its logits or means: differentiable.
            hyperparameters: The loss's hyperparameters, one tensor each.
        """

    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """See `Loss`."""
        seen = {"observation": batch.policy_input.observation, "action": batch.policy_input.action}
        rest = {name: value for name, value in batch._asdict().items() if isinstance(value, Tensor)}
        policy = {
            name: getattr(outputs, name) for name in ("log_prob", "entropy", "value", "inputs")
        }
        if outputs.auxiliary is not None:
            policy["auxiliary"] = outputs.auxiliary
        numbers = {name: knob[:, 0] for name, knob in hyperparameters.items()}
        loss, info = torch.func.vmap(self.member_loss)({**seen, **rest}, policy, numbers)
        return loss, info
