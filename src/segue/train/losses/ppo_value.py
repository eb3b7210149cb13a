"""PPO's value loss alone, for stages that train a critic and leave the policy to other losses.

Shapes: K members, B samples of a minibatch; a knob is `[K, 1]`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

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
class PPOValue(Loss):
    """The clipped value loss of `PPO`, with AllenAct's arguments.

    Attributes:
        clip_param: How far a value may leave its old value.
        use_clipped_value_loss: Whether this limit applies.
        clip_decay: A factor on `clip_param`, as a function of the environment steps taken in the
            stage.
    """

    clip_param: float = 0.1
    use_clipped_value_loss: bool = True
    clip_decay: Callable[[int], float] | None = None

    def __post_init__(self) -> None:
        require_non_negative(self, "clip_param")

    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return the decayed clip range."""
        return {
            "clip": self.clip_param * (self.clip_decay(stage_steps) if self.clip_decay else 1.0)
        }

    @property
    def structure(self) -> Hashable:
        """The class and its switch, which members of one pack must share."""
        return type(self), self.use_clipped_value_loss

    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return half the mean squared error, clipped; see `ppo.clipped_value_error`."""
        clip = hyperparameters["clip"] if self.use_clipped_value_loss else None
        value = apply(ValueLoss, outputs.value, batch.value, batch.value_target, clip)
        return value, {"value": value}
