"""Entropy as a separate loss, so that a stage's loss weights decide how much it explores.

Shapes: K members, B samples of a minibatch.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from segue.base.suggestions import refuse_misspelt_fields
from segue.train.data.batch import Batch
from segue.train.losses.loss import Hyperparameters, Info, Loss
from segue.train.policies import Outputs


@refuse_misspelt_fields
@dataclass(frozen=True)
class EntropyBonus(Loss):
    """Minus the mean entropy of the policy, in nats.

    With weight w it is the term `w * H` of Williams & Peng, 1991.
    """

    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return an empty dictionary: the loss's weight in the stage is all there is to set."""
        return {}

    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return `-mean(H(pi))`."""
        entropy = outputs.entropy.mean(1)
        return -entropy, {"entropy": entropy}
