"""Proximal policy optimisation (Schulman et al., 2017).

Shapes: K members, B samples of a minibatch; a knob is `[K, 1]`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.autograd import Function

from segue.base.suggestions import refuse_misspelt_fields
from segue.train.autograd import Context, apply
from segue.train.data.batch import Batch
from segue.train.losses.checks import require_non_negative, require_positive
from segue.train.losses.loss import Hyperparameters, Info, Loss
from segue.train.policies import Outputs


@refuse_misspelt_fields
@dataclass(frozen=True)
class PPO(Loss):
    """Clipped surrogate, clipped value loss and entropy bonus, with AllenAct's arguments.

    Attributes:
        clip_param: How far the probability ratio may leave 1 and a value may leave its old value.
        value_loss_coef: Weight of the value loss, which is half the squared error.
        entropy_coef: Weight of the entropy bonus, in nats.
        use_clipped_value_loss: Whether a value may not leave its old value by more than
            `clip_param`.
        clip_decay: A factor on `clip_param`, as a function of the environment steps taken in the
            stage.
        normalize_advantage: Whether advantages have mean 0 and standard deviation 1 in each
            minibatch; "rollout" for normalisation over each rollout, as AllenAct does.
        target_kl: Ends the updates from a rollout at the first minibatch whose approximate KL
            divergence from the policy of the rollout exceeds 1.5 times this value, before its
            update, as Stable-Baselines3 does. None runs all epochs.
    """

    clip_param: float = 0.1
    value_loss_coef: float = 0.5
    entropy_coef: float = 0.01
    use_clipped_value_loss: bool = True
    clip_decay: Callable[[int], float] | None = None
    normalize_advantage: bool | Literal["rollout"] = True
    target_kl: float | None = None

    policy_loss: ClassVar[str | None] = "action"
    ratio_clip: ClassVar[str | None] = "clip"

    def __post_init__(self) -> None:
        require_non_negative(self, "clip_param", "value_loss_coef", "entropy_coef")
        if not (self.clip_decay is None or callable(self.clip_decay)):
            raise ValueError(
                f"PPO(clip_decay={self.clip_decay!r}): clip_decay is a function of the step, or"
                " None."
            )
        if self.normalize_advantage not in (True, False, "rollout"):
            raise ValueError(
                f"PPO(normalize_advantage={self.normalize_advantage!r}): choose True, False or"
                " 'rollout'."
            )
        if self.target_kl is not None:
            require_positive(self, "target_kl")

    def hyperparameters(self, stage_steps: int) -> dict[str, float]:
        """Return the decayed clip range, and the weights of value loss and entropy bonus."""
        decay = self.clip_decay(stage_steps) if self.clip_decay else 1.0
        return {
            "clip": self.clip_param * decay,
            "value_loss_coef": self.value_loss_coef,
            "entropy_coef": self.entropy_coef,
        }

    @property
    def kl_limit(self) -> float | None:
        """See `Loss`: 1.5 times `target_kl`, the factor of Stable-Baselines3."""
        return None if self.target_kl is None else 1.5 * self.target_kl

    @property
    def structure(self) -> Hashable:
        """The class and its two switches, which members of one pack must share."""
        return type(self), self.use_clipped_value_loss, self.normalize_advantage

    def __call__(
        self, batch: Batch, outputs: Outputs, hyperparameters: Hyperparameters
    ) -> tuple[Tensor, Info]:
        """Return `action + value_loss_coef * value - entropy_coef * entropy`, batch means."""
        action, ratio = apply(
            ClippedSurrogate,
            outputs.log_prob,
            batch.log_prob,
            self.advantage(batch),
            hyperparameters["clip"],
        )
        clip = hyperparameters["clip"] if self.use_clipped_value_loss else None
        value = apply(ValueLoss, outputs.value, batch.value, batch.value_target, clip)
        entropy = outputs.entropy.mean(1)
        total = (
            action
            + hyperparameters["value_loss_coef"][:, 0] * value
            - hyperparameters["entropy_coef"][:, 0] * entropy
        )
        return total, {
            "ppo_total": total,
            "action": action,
            "value": value,
            "entropy": entropy,
            "ratio": ratio,
        }

    def advantage(self, batch: Batch) -> Tensor:
        """Return the advantages `[K, B]`, normalised as `normalize_advantage` requires."""
        if self.normalize_advantage == "rollout":
            return batch.normalized_advantage
        return (
            normalized_per_minibatch(batch.advantage)
            if self.normalize_advantage
            else batch.advantage
        )


def normalized_per_minibatch(advantage_KB: Tensor) -> Tensor:
    """Return advantages with mean 0 and standard deviation 1 over each member's minibatch.

    The standard deviation is the sample's.
    """
    std, mean = torch.std_mean(advantage_KB, 1, keepdim=True)
    return (advantage_KB - mean).div_(std.add_(1e-8))


def clipped_surrogate(ratio_KB: Tensor, advantage_KB: Tensor, clip_K1: Tensor) -> Tensor:
    """Return the clipped surrogate of each sample, negated to be minimised.

        L = -min(r * A, clip(r, 1 - c, 1 + c) * A)

    It is pessimistic: a change of the ratio is ignored where it would improve the objective, never
    where it would worsen it (Schulman et al., 2017, eq. 7).
    """
    clipped = torch.clamp(ratio_KB, 1 - clip_K1, 1 + clip_K1)
    return -torch.minimum(advantage_KB * ratio_KB, advantage_KB * clipped)


def clipped_value_error(
    value_KB: Tensor, old_KB: Tensor, target_KB: Tensor, clip_K1: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the error that counts, and whether L changes with the value.

        L = max((v - R)^2, (v_old + clip(v - v_old, -c, c) - R)^2) / 2

    The error is the one whose square is larger (Engstrom et al., 2020, section 3, item 1).
    """
    moved = value_KB - old_KB
    near = torch.clamp(moved, -clip_K1, clip_K1)
    plain = value_KB - target_KB
    clipped = old_KB + near - target_KB
    use_plain = plain.abs() >= clipped.abs()
    return torch.where(use_plain, plain, clipped), use_plain | (near == moved)


class ClippedSurrogate(Function):
    """Mean clipped surrogate `[K]` and mean ratio `[K]`, with an explicit gradient.

    d L / d log pi = -A * r   where  A >= 0 and r <= 1 + c,  or  A < 0 and r >= 1 - c;  else 0

    The explicit gradient takes a fifth of the time of autograd's dozen nodes.
    """

    @staticmethod
    def forward(
        ctx: Context, log_prob: Tensor, old: Tensor, advantage: Tensor, clip: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return both means; only `log_prob` gets a gradient.

        Arguments are `[K, B]`, and `clip` is `[K, 1]`.
        """
        ratio = (log_prob - old).exp_()
        loss = clipped_surrogate(ratio, advantage, clip)
        free = loss == -advantage * ratio
        ctx.save_for_backward(advantage * ratio * free)
        mean_ratio = ratio.mean(1)
        ctx.mark_non_differentiable(mean_ratio)
        return loss.mean(1), mean_ratio

    @staticmethod
    def backward(ctx: Context, d_loss: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradients of the arguments, for the gradient `d_loss` `[K]`."""
        (gain,) = ctx.saved_tensors
        return gain * (d_loss / -gain.shape[1]).unsqueeze(1), None, None, None


class ValueLoss(Function):
    """Mean value loss `[K]`, half the squared error, with an explicit gradient.

    The error is clipped, or plain if `clip` is None.
    """

    @staticmethod
    def forward(
        ctx: Context, value: Tensor, old: Tensor, target: Tensor, clip: Tensor | None
    ) -> Tensor:
        """Return the mean loss; only `value` gets a gradient.

        Arguments are `[K, B]`, and `clip` is `[K, 1]`.
        """
        if clip is None:
            error = value - target
            ctx.save_for_backward(error)
        else:
            error, free = clipped_value_error(value, old, target, clip)
            ctx.save_for_backward(error * free)
        return error.square().mean(1).mul_(0.5)

    @staticmethod
    def backward(ctx: Context, d_loss: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradients of the arguments, for the gradient `d_loss` `[K]`."""
        (error,) = ctx.saved_tensors
        return error * (d_loss / error.shape[1]).unsqueeze(1), None, None, None
