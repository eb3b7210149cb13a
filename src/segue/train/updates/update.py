"""Learning: the epochs of members over their rollouts, and their updates from other data.

Members that run the same operations are updated together.

Shapes: K members, k members of a chunk, L losses, U updates, P parameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segue.train.data.batch import Batch, DataBatch
from segue.train.data.component_data import Data, signature, stacked_batches
from segue.train.members.knobs import ActiveLoss, Knobs, member_values
from segue.train.optimizers import OptimizerState, ParameterRows
from segue.train.optimizers.rule import clipped
from segue.train.policies import ActorCritic
from segue.train.updates.experience import Experience
from segue.train.updates.minibatches import Generators, minibatches

LossInfo = dict[str, dict[str, float]]
StackedLosses = list[tuple[ActiveLoss, Tensor, dict[str, Tensor]]]


@dataclass
class UpdateResult:
    """The result of a learning phase for one member."""

    losses: LossInfo = field(default_factory=dict)  # of the last epoch, by loss
    failure: str | None = None  # the first update and loss that were not finite

    def and_then(self, other: UpdateResult) -> UpdateResult:
        """Return the result of this phase followed by another one."""
        return UpdateResult({**self.losses, **other.losses}, self.failure or other.failure)


@dataclass
class Learner:
    """The parts that all phases of a pack's learning share."""

    policy: ActorCritic
    parameters: Tensor  # [K, P], updated in place
    optimizer: OptimizerState
    width: int  # members that are updated at a time

    def from_rollout(
        self, experience: Experience, knobs: Sequence[Knobs], generators: Generators
    ) -> list[UpdateResult]:
        """Run every member's epochs over its rollout."""
        learned = [UpdateResult() for _ in knobs]
        for members in chunks([row.program for row in knobs], self.width):
            rows = [knobs[member] for member in members]
            if rows[0].updates and rows[0].losses:
                index = minibatches(
                    [generators[member] for member in members], members, experience, rows[0]
                )
                batches = chain.from_iterable(experience.batches(order) for order in index)
                phase = Phase(
                    rows, [row.losses for row in rows], rows[0].updates, rows[0].num_mini_batch
                )
                self._learn(phase, members, batches, learned)
        return learned

    def from_data(self, knobs: Sequence[Knobs], data: Sequence[list[Data]]) -> list[UpdateResult]:
        """Update the members whose stage has an off-policy component.

        `data` lists the batches of each member.
        """
        learned = [UpdateResult() for _ in knobs]
        having = [member for member, batches in enumerate(data) if batches]
        programs = [
            (knobs[member].off_policy_program, signature(data[member][0])) for member in having
        ]
        for places in chunks(programs, self.width):
            members = [having[place] for place in places]
            rows = [knobs[member] for member in members]
            parts = [row.off_policy for row in rows if row.off_policy is not None]
            phase = Phase(rows, [part.losses for part in parts], parts[0].updates, parts[0].updates)
            device = str(self.parameters.device)
            batches = stacked_batches(
                [data[member] for member in members], self.policy.memory, device
            )
            self._learn(phase, members, batches, learned)
        return learned

    def _learn(
        self,
        phase: Phase,
        members: list[int],
        batches: Iterable[Batch | DataBatch],
        learned: list[UpdateResult],
    ) -> None:
        """Run one phase of these members, in place, and add its results to `learned`."""
        rows = self.optimizer.take(members, self.parameters)
        done = rows.updates
        with np.errstate(all="ignore"):  # what is not finite is found below, and marks its member
            updated = update_chunk(self.policy, rows, phase, batches)
        self.optimizer.put_back(members, rows, self.parameters, phase.updates)
        finite = rows.parameters.detach().isfinite().all(1).tolist()
        for place, member in enumerate(members):
            learned[member].losses = {
                loss: {name: values[place] for name, values in numbers.items()}
                for loss, numbers in updated.info.items()
            }
            learned[member].failure = updated.failure(place, int(done[place]), finite[place])


@dataclass(frozen=True)
class Phase:
    """A number of updates of members that run the same operations.

    The last `logged` updates are averaged for the log.
    """

    rows: Sequence[Knobs]
    losses: Sequence[Sequence[ActiveLoss]]
    updates: int
    logged_updates: int


@dataclass(frozen=True)
class ChunkLosses:
    """The losses of a chunk of members."""

    values: Tensor  # [U, L, k]
    info: Mapping[str, Mapping[str, list[float]]]  # loss -> name -> k means over the last epoch

    def failure(self, place: int, done: int, finite: bool) -> str | None:
        """Return the first update of a member with a loss that was not finite, and that loss.

        Updates are counted from the member's first. None if all losses were finite.
        """
        bad = (~self.values[:, :, place].isfinite()).nonzero()
        if len(bad):
            update, loss = bad[0].tolist()
            name = list(self.info)[loss]
            value = self.values[update, loss, place].item()
            return f"the loss {name!r} was {value} in update {done + update + 1:,}"
        if not finite:
            names = ", ".join(repr(name) for name in self.info)
            return (
                f"the gradient of the losses {names} was not finite by update"
                f" {done + len(self.values):,}"
            )
        return None


def chunks(programs: Sequence[Hashable], width: int) -> Iterator[list[int]]:
    """Return groups of members with the same program, at most `width` at a time.

    No member of a group is masked, and a group fits in the cache.
    """
    groups: dict[Hashable, list[int]] = {}
    for member, program in enumerate(programs):
        groups.setdefault(program, []).append(member)
    for group in groups.values():
        for start in range(0, len(group), width):
            yield group[start : start + width]


def update_chunk(
    policy: ActorCritic, rows: ParameterRows, phase: Phase, batches: Iterable[Batch | DataBatch]
) -> ChunkLosses:
    """Run all updates of one chunk, in place on its rows."""
    device = rows.parameters.device
    rules = [row.optimizer for row in phase.rows]
    norm = torch.from_numpy(member_values(phase.rows, "max_grad_norm")).to(device)
    step = rules[0].begin(rules, rows, phase.updates)
    losses = stacked_losses(phase.losses, str(device))
    parameters = rows.parameters.requires_grad_()
    values: list[Tensor] = []
    logged: list[Tensor] = []
    for update, batch in enumerate(batches):
        total, value_LK, info = total_loss(policy, parameters, batch, losses)
        (gradient,) = torch.autograd.grad(total, parameters)
        with torch.no_grad():
            step(clipped(gradient, norm), update)
        values.append(value_LK)
        numbers = [number.detach() for one in info.values() for number in one.values()]
        if numbers and update >= phase.updates - phase.logged_updates:
            logged.append(torch.stack(numbers))
    means = iter(torch.stack(logged).mean(0).tolist() if logged else [])
    return ChunkLosses(
        torch.stack(values),
        {loss: {name: next(means) for name in one} for loss, one in info.items()},
    )


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
    policy: ActorCritic, parameters: Tensor, batch: Batch | DataBatch, losses: StackedLosses
) -> tuple[Tensor, Tensor, dict[str, dict[str, Tensor]]]:
    """Return the weighted sum of the losses of all members, and what is to be logged.

    The gradients of members do not mix. Logged are each loss of each member, `[L, k]`, and the
    numbers that each loss reports.
    """
    outputs = policy.outputs(parameters, batch.policy_input)
    total = parameters.new_zeros(())
    values = []
    info = {}
    for active, weight, numbers in losses:
        loss: Any = active.loss  # of a kind that takes this batch: checked when the sweep was made
        value, info[active.name] = loss(batch, outputs, numbers)
        values.append(value.detach())
        total = total + (weight * value).sum()
    return total, torch.stack(values), info
