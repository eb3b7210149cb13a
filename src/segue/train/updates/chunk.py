"""The updates of a chunk: members that run the same operations, computed together.

Shapes: k members of a chunk, L losses, U updates, N numbers of an update, B samples of a minibatch,
P parameters of a member.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.data.batch import Batch, DataBatch
from segue.train.losses import Loss
from segue.train.members.knobs import ActiveLoss, Knobs, member_values
from segue.train.optimizers import ParameterRows
from segue.train.optimizers.rule import clipped
from segue.train.policies import ActorCritic, Outputs
from segue.train.updates.diagnostics import UpdateDiagnostics, approximate_kl

StackedLosses = list[tuple[ActiveLoss, Tensor, dict[str, Tensor]]]
Numbers = Mapping[tuple[str, str], Tensor]
"""(loss, name) -> `[k]`; the loss itself has the name `VALUE`."""
VALUE: Final = ""


@dataclass(frozen=True)
class Phase:
    """A number of updates of members that run the same operations.

    An epoch has `epoch` of them; those of a member's last epoch are averaged for the log.
    `is_logged` states whether any of the members needs losses and diagnostics.
    """

    rows: Sequence[Knobs]
    losses: Sequence[Sequence[ActiveLoss]]
    updates: int
    epoch: int
    is_logged: bool

    def rest(self, places: Sequence[int], done: int) -> Phase:
        """Return what remains after `done` updates, for the members at `places`."""
        return Phase(
            [self.rows[place] for place in places],
            [self.losses[place] for place in places],
            self.updates - done,
            self.epoch,
            self.is_logged,
        )


@dataclass(frozen=True)
class ChunkUpdates:
    """Updates of a chunk, up to the last one or to the first at which a member ended early."""

    updates: int  # applied to every member
    names: list[tuple[str, str]]  # of the first of the numbers, by loss
    diagnostics: tuple[str, ...]  # names of the others
    numbers: NDArray[np.float32]  # [N, U, k] of the updates, and of the one that was not applied
    grad_norms: NDArray[np.float32]  # [U, k] of the updates
    ended: list[bool]  # [k]


@dataclass
class ChunkRecord:
    """The numbers of each update, which are read from the device when all updates are done."""

    diagnostics: UpdateDiagnostics | None  # None if only the losses are needed, to be checked
    names: list[tuple[str, str]] = field(default_factory=list)
    numbers: list[Tensor] = field(default_factory=list)  # [k] each
    grad_norms: list[Tensor] = field(default_factory=list)  # [k] each
    minibatches: int = 0

    def add(self, batch: Batch | DataBatch, outputs: Outputs, numbers: Numbers) -> None:
        """Add the numbers of the losses on a minibatch, and its diagnostics if it has any."""
        is_needed = self.diagnostics is not None
        self.names = [name for name in numbers if is_needed or name[1] == VALUE]
        self.numbers.extend(numbers[name].detach() for name in self.names)
        self.minibatches += 1
        if self.diagnostics is not None and isinstance(batch, Batch):
            self.diagnostics.add(batch, outputs)

    def result(self, ended: list[bool]) -> ChunkUpdates:
        """Return the numbers of all updates."""
        shape = (self.minibatches, len(self.names), len(ended))
        numbers = torch.stack(self.numbers).view(shape).transpose(0, 1)
        names: tuple[str, ...] = ()
        if self.diagnostics is not None and self.diagnostics.minibatches:
            numbers = torch.cat([numbers, self.diagnostics.result()])
            names = self.diagnostics.names
        updates = len(self.grad_norms)
        norms = torch.stack(self.grad_norms) if updates else numbers.new_zeros(0, len(ended))
        return ChunkUpdates(
            updates,
            self.names,
            names,
            numbers.cpu().numpy(),
            norms.cpu().numpy(),
            ended,
        )


def update_chunk(
    policy: ActorCritic, rows: ParameterRows, phase: Phase, batches: Iterable[Batch | DataBatch]
) -> ChunkUpdates:
    """Run the updates of one chunk, in place on its rows.

    They end before the first update at which a member's KL divergence exceeds its limit.
    """
    device = rows.parameters.device
    rules = [row.optimizer for row in phase.rows]
    max_norm = torch.from_numpy(member_values(phase.rows, "max_grad_norm")).to(device)
    step = rules[0].begin(rules, rows, phase.updates)
    losses = stacked_losses(phase.losses, str(device))
    limit = kl_limits(phase.losses, device)
    record = ChunkRecord(
        UpdateDiagnostics(policy.head, ratio_clip(losses)) if phase.is_logged else None
    )
    ended = [False] * len(rules)
    parameters = rows.parameters.requires_grad_()
    for update, batch in enumerate(batches):
        outputs = policy.outputs(parameters, batch.policy_input)
        total, numbers = total_loss(batch, outputs, losses)
        record.add(batch, outputs, numbers)
        if limit is not None and isinstance(batch, Batch):
            ended = exceeding(batch, outputs, limit)
            if any(ended):
                break
        (gradient,) = torch.autograd.grad(total, parameters)
        with torch.no_grad():
            gradient, norm = clipped(gradient, max_norm)
            step(gradient, update)
        record.grad_norms.append(norm)
    return record.result(ended)


def stacked_losses(losses: Sequence[Sequence[ActiveLoss]], device: str) -> StackedLosses:
    """Return each loss once, with its members' weights `[k]` and hyperparameters `[k, 1]`.

    `losses` are those of each member.
    """
    return [
        (
            same[0],
            torch.tensor([active.weight for active in same], device=device),
            {
                name: torch.tensor(
                    [[active.hyperparameters[name]] for active in same], device=device
                )
                for name in same[0].hyperparameters
            },
        )
        for same in zip(*losses, strict=True)
    ]


def total_loss(
    batch: Batch | DataBatch, outputs: Outputs, losses: StackedLosses
) -> tuple[Tensor, Numbers]:
    """Return the weighted sum of the losses of all members, and what is to be logged.

    The gradients of members do not mix. Logged are each loss of each member, and the numbers that
    each loss reports.
    """
    total = outputs.value.new_zeros(())
    numbers = {}
    for active, weight, hyperparameters in losses:
        loss: Any = active.loss  # of a kind that takes this batch: checked when the sweep was made
        value, info = loss(batch, outputs, hyperparameters)
        numbers[active.name, VALUE] = value
        numbers |= {(active.name, name): number for name, number in info.items()}
        total = total + (weight * value).sum()
    return total, numbers


def ratio_clip(losses: StackedLosses) -> Tensor | None:
    """Return the clip range of the probability ratio `[k, 1]`, if one of the losses has one."""
    for active, _, hyperparameters in losses:
        if isinstance(active.loss, Loss) and active.loss.ratio_clip is not None:
            return hyperparameters[active.loss.ratio_clip]
    return None


def kl_limits(losses: Sequence[Sequence[ActiveLoss]], device: torch.device) -> Tensor | None:
    """Return the smallest limit of each member's losses, `[k]`; None if no member has one."""
    limits = [
        min((limit for active in own if (limit := kl_limit(active)) is not None), default=math.inf)
        for own in losses
    ]
    return None if min(limits) == math.inf else torch.tensor(limits, device=device)


def kl_limit(active: ActiveLoss) -> float | None:
    """Return the limit of a loss, if it has one."""
    return active.loss.kl_limit if isinstance(active.loss, Loss) else None


def exceeding(batch: Batch, outputs: Outputs, limit_K: Tensor) -> list[bool]:
    """Return which members' approximate KL divergence on the minibatch exceeds their limit."""
    kl = approximate_kl(outputs.log_prob.detach() - batch.log_prob)
    exceeds: list[bool] = (kl > limit_K).tolist()
    return exceeds
