"""Learning what an expert would do in the states that the agent (or the expert, with teacher forcing) goes through.

Shapes: K members, B samples of a minibatch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from segue.train.losses.loss import Batch, Info, Knobs, Loss
from segue.train.policies import Outputs


@dataclass(frozen=True)
class Imitation(Loss):
    """Cross entropy with the expert's actions. With a decaying `teacher_forcing` it is DAgger (Ross et al., 2011)."""

    needs_expert: ClassVar[bool] = True

    def knobs(self, stage_steps: int) -> dict[str, float]:
        """It has no numbers of its own."""
        return {}

    def __call__(self, batch: Batch, outputs: Outputs, knobs: Knobs) -> tuple[Tensor, Info]:
        """`-mean(log pi(a*))` over the samples in which the expert knew an action `a*`; 0 where it never did."""
        assert outputs.expert_log_prob is not None and batch.expert_available is not None
        known = batch.expert_available.sum(1).clamp(min=1.0)
        loss = -(outputs.expert_log_prob * batch.expert_available).sum(1) / known
        return loss, {"expert_cross_entropy": loss}
