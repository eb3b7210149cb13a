"""Diagnostics of learning: the quantities that Stable-Baselines3 logs as `train/*`.

The source of the definitions is `stable_baselines3/ppo/ppo.py`, `PPO.train` (version 2), unless a
function names another one. They depend on the rollout and on the policy's outputs, not on the name
of a loss, and so are the same quantity in every stage.

| name | formula | over |
| --- | --- | --- |
| `approx_kl` | mean((r - 1) - log r) | the minibatches of the last epoch |
| `clip_fraction` | mean(abs(r - 1) > c) | all minibatches |
| `entropy` | mean(H(pi)), in nats: minus `entropy_loss` | all minibatches |
| `value_loss` | mean((v - R)^2), neither halved nor clipped | all minibatches |
| `policy_loss` | the loss's own: `policy_gradient_loss` for PPO | all minibatches |
| `explained_variance` | 1 - Var(R - v_old) / Var(R) | the rollout, before the updates |
| `grad_norm` | the L2 norm that `clip_grad_norm_` returns, before clipping | all updates |

`r = pi(a) / pi_old(a)` of the rollout's actions, `c` the clip range of the ratio, `v` the value,
`v_old` the value in the rollout, `R` the value target.

Shapes: K members, k members of a chunk, U updates, B samples of a rollout or a minibatch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from segue.train.data.batch import Batch
from segue.train.policies import Outputs
from segue.train.policies.heads import Head

APPROX_KL = "approx_kl"
CLIP_FRACTION = "clip_fraction"
ENTROPY = "entropy"
VALUE_LOSS = "value_loss"
POLICY_LOSS = "policy_loss"
EXPLAINED_VARIANCE = "explained_variance"
GRAD_NORM = "grad_norm"

_HELD_SAMPLES = 1 << 16  # after which the numbers of the updates so far are computed


def approximate_kl(log_ratio: Tensor) -> Tensor:
    """Return the estimate `[...]` of KL(pi_old, pi) from log ratios `[..., B]` of sampled actions.

        mean((r - 1) - log r)

    It is unbiased for actions of pi_old, and each term is at least 0 (Schulman, 2020,
    "Approximating KL Divergence", estimator k3).
    """
    return (log_ratio.exp() - 1 - log_ratio).mean(-1)


@torch.no_grad()
def explained_variance(value_KB: Tensor, target_KB: Tensor) -> Tensor:
    """Return the share of the variance of the value targets that the values predict, `[K]`.

        1 - Var(R - v) / Var(R)

    This is `stable_baselines3.common.utils.explained_variance`: 1 is a perfect prediction, 0 is as
    good as a constant one. NaN where the targets are all equal.
    """
    variance = target_KB.var(1, correction=0)
    explained = 1 - (target_KB - value_KB).var(1, correction=0) / variance
    return torch.where(variance == 0, torch.nan, explained)


@dataclass
class UpdateDiagnostics:
    """The diagnostics of each update of a chunk, from its minibatches.

    They are computed for many updates at once, since an update of small networks takes about as
    long as a few dozen calls of torch.
    """

    head: Head
    clip: Tensor | None  # [k, 1] range of the ratio around 1; None without a loss that clips it
    _held: list[tuple[Tensor, ...]] = field(default_factory=list)
    _numbers: list[Tensor] = field(default_factory=list)  # [names, U, k] each
    minibatches: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the numbers of one update."""
        common = (APPROX_KL, ENTROPY, VALUE_LOSS)
        return common if self.clip is None else (*common, CLIP_FRACTION)

    def add(self, batch: Batch, outputs: Outputs) -> None:
        """Add the minibatch of the next update, with the policy's outputs before the update."""
        policy: tuple[Tensor, ...] | None = outputs.computed_log_prob_and_entropy
        if policy is None:
            extra = outputs.extra.clone() if self.head.extra else outputs.inputs.new_empty(0)
            policy = outputs.inputs, extra, outputs.action
        held = (batch.log_prob, batch.value_target, outputs.value, *policy)
        self.minibatches += 1
        self._held.append(tuple(tensor.detach() for tensor in held))
        if len(self._held) * batch.log_prob.numel() >= _HELD_SAMPLES:
            self._compute()

    def result(self) -> Tensor:
        """Return the numbers of all updates, `[names, U, k]`."""
        self._compute()
        return torch.cat(self._numbers, 1)

    @torch.no_grad()
    def _compute(self) -> None:
        if not self._held:
            return
        old, target, value, *policy = (
            torch.stack(column) for column in zip(*self._held, strict=True)
        )
        self._held.clear()
        log_prob, entropy = policy if len(policy) == 2 else self._taken(*policy)
        log_ratio = log_prob - old
        numbers = [
            approximate_kl(log_ratio),
            entropy.mean(-1),
            (value - target).square().mean(-1),
        ]
        if self.clip is not None:
            outside = (log_ratio.exp() - 1).abs() > self.clip
            numbers.append(outside.to(log_ratio.dtype).mean(-1))
        self._numbers.append(torch.stack(numbers))

    def _taken(self, inputs: Tensor, extra: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy `[U, k, B]`, which no loss has computed."""
        updates = inputs.shape[:2]
        own = extra.flatten(0, 1) if self.head.extra else extra
        log_prob, entropy = self.head.log_prob_and_entropy(
            inputs.flatten(0, 1), own, action.flatten(0, 1)
        )
        return log_prob.unflatten(0, updates), entropy.unflatten(0, updates)
