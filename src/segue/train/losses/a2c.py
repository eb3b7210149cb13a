"""Advantage actor-critic (Mnih et al., 2016, in its synchronous form).

Shapes: K members, B samples of a minibatch; a knob is `[K, 1]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from segue.base.suggestions import refuse_misspelt_fields
from segue.train.autograd import apply
from segue.train.data.batch import Batch
from segue.train.losses.checks import require_non_negative
from segue.train.losses.loss import Hyperparameters, Info, Loss
from segue.train.losses.ppo import ValueLoss
from segue.train.policies import Outputs


@refuse_misspelt_fields
@dataclass(frozen=True)
class A2C(Loss):
    """Policy gradient, value loss and entropy bonus of advantage actor-critic.

    The loss is on-policy: use it with `update_repeats=1`.

    Attributes:
        value_loss_coef: Weight of the value loss, which is half the squared error.
        entropy_coef: Weight of the entropy bonus, in nats.
    """

    value_loss_coef: float = 0.5
    entropy_coef: float = 0.01

    policy_loss: ClassVar[str | None] = "action"

    def __post_init__(self) -> None:
        require_non_negative(self, "value_loss_coef", "entropy_coef")

    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return the weights of the value loss and of the entropy bonus."""
        return {"value_loss_coef": self.value_loss_coef, "entropy_coef": self.entropy_coef}

    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return `-mean(log pi(a) * A) + value_loss_coef * value - entropy_coef * entropy`.

        See Mnih et al., 2016, section 4.
        """
        action = -(outputs.log_prob * batch.advantage).mean(1)
        value = apply(ValueLoss, outputs.value, batch.value, batch.value_target, None)
        entropy = outputs.entropy.mean(1)
        total = (
            action
            + hyperparameters["value_loss_coef"][:, 0] * value
            - hyperparameters["entropy_coef"][:, 0] * entropy
        )
        return total, {"a2c_total": total, "action": action, "value": value, "entropy": entropy}
