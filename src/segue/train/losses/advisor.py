"""ADVISOR: imitation where the expert can be imitated, reward elsewhere.

The method is that of Weihs et al., NeurIPS 2021.

Shapes: K members, B samples of a minibatch; a knob is `[K, 1]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from segue.base.suggestions import refuse_misspelt_fields
from segue.train.autograd import apply
from segue.train.data.batch import Batch
from segue.train.losses.checks import require_non_negative
from segue.train.losses.imitation import mean_where
from segue.train.losses.loss import Hyperparameters, Info
from segue.train.losses.ppo import PPO, ValueLoss, clipped_surrogate
from segue.train.policies import Outputs


@refuse_misspelt_fields
@dataclass(frozen=True)
class Advisor(PPO):
    """PPO and imitation, weighted for each sample by how well a second actor imitates the expert.

    A policy without the expert's knowledge cannot imitate it where that knowledge matters. There,
    the second actor assigns a low probability to the expert's actions, and the main actor learns
    from reward instead.

    Attributes:
        alpha: How fast the weight of imitation falls with that probability; 0 is imitation alone.
    """

    alpha: float = 8.0

    needs_expert: ClassVar[bool] = True
    needs_auxiliary: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_non_negative(self, "alpha")

    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return the hyperparameters of PPO, and the temperature `alpha`."""
        return {**super().hyperparameters(stage_steps), "alpha": self.alpha}

    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return `CE(aux) + mean(w CE(main)) + mean((1 - w) PPO') + value_loss_coef value`.

        `PPO'` is PPO's action loss minus `entropy_coef` times the entropy. `w = exp(alpha log
        pi_aux(a*))`, without a gradient (section 3.3); where the expert does not know an action
        `a*`, w = 0 and there is no cross entropy.
        """
        assert batch.expert_available is not None and batch.expert_action is not None
        known = batch.expert_available
        auxiliary = -outputs.auxiliary_log_prob_of(batch.expert_action)
        main = -outputs.log_prob_of(batch.expert_action)
        weight = torch.exp(-hyperparameters["alpha"] * auxiliary.detach()) * known
        ratio = torch.exp(outputs.log_prob - batch.log_prob)
        surrogate = clipped_surrogate(ratio, self.advantage(batch), hyperparameters["clip"])
        by_reward = (
            (1 - weight) * (surrogate - hyperparameters["entropy_coef"] * outputs.entropy)
        ).mean(1)
        clip = hyperparameters["clip"] if self.use_clipped_value_loss else None
        value = apply(ValueLoss, outputs.value, batch.value, batch.value_target, clip)
        imitation = (weight * main * known).mean(1)
        cross_entropy = mean_where(known, auxiliary)
        total = (
            cross_entropy + imitation + by_reward + hyperparameters["value_loss_coef"][:, 0] * value
        )
        return total, {
            "advisor_total": total,
            "weight": weight.mean(1),
            "auxiliary_cross_entropy": cross_entropy,
            "imitation": imitation,
            "action": by_reward,
            "value": value,
            "entropy": outputs.entropy.mean(1),
        }
