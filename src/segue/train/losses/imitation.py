"""Learning the actions of an expert, in the states of a rollout.

The agent acts in a rollout, or the expert with teacher forcing.

Shapes: K members, B samples of a minibatch, A actions.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from segue.base.suggestions import refuse_misspelt_fields
from segue.train.data.batch import Batch, DataBatch
from segue.train.losses.loss import Hyperparameters, Info, Loss, OffPolicyLoss
from segue.train.policies import Outputs


@refuse_misspelt_fields
@dataclass(frozen=True)
class Imitation(Loss):
    """Cross entropy with the expert.

    With a decaying `teacher_forcing` it is DAgger (Ross et al., 2011).

    Attributes:
        soft_targets: Whether to learn the probabilities of all of the expert's actions (discrete
            ones), where it acts at random, rather than the action that it took.
    """

    soft_targets: bool = False

    needs_expert: ClassVar[bool] = True

    @property
    def needs_expert_policy(self) -> bool:
        """Whether the loss has soft targets."""
        return self.soft_targets

    @property
    def structure(self) -> Hashable:
        """The class and its switch, which members of one pack must share."""
        return type(self), self.soft_targets

    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return an empty dictionary: this loss has no hyperparameters."""
        return {}

    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """`-mean(sum_a p*(a) log pi(a))` over the samples in which the expert knew an action.

        `p*` is the expert's policy, or 1 for the action that it took. The loss is 0 if the expert
        knew no action at all.
        """
        assert batch.expert_available is not None and batch.expert_action is not None
        if self.soft_targets:
            assert batch.expert_policy is not None
            agreement = (batch.expert_policy * outputs.log_policy).sum(-1)
        else:
            agreement = outputs.log_prob_of(batch.expert_action)
        loss = -mean_where(batch.expert_available, agreement)
        return loss, {"expert_cross_entropy": loss}


@refuse_misspelt_fields
@dataclass(frozen=True)
class BehaviorCloning(OffPolicyLoss):
    """Cross entropy with the actions of recorded demonstrations (Pomerleau, 1991)."""

    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return an empty dictionary: this loss has no hyperparameters."""
        return {}

    def __call__(
        self, batch: DataBatch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return `-mean(log pi(a))`."""
        loss = -outputs.log_prob.mean(1)
        return loss, {"cross_entropy": loss}


def mean_where(known_KB: Tensor, values_KB: Tensor) -> Tensor:
    """Return the mean over the samples marked with 1.0, `[K]`; 0 if there are none."""
    return (values_KB * known_KB).sum(1) / known_KB.sum(1).clamp(min=1.0)
