"""Learning: every member's epochs over its rollout, members that do the same operations side by side.

Shapes: K members, k members of a chunk, B samples of a member, M minibatches of mb samples, P parameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.experience import Experience
from segue.train.knobs import ActiveLoss, Knobs, column
from segue.train.losses import Batch
from segue.train.optimizer import AdamState, adam_rows, adam_step
from segue.train.policies import ActorCritic

LossInfo = dict[str, dict[str, float]]
Stacked = list[tuple[ActiveLoss, Tensor, dict[str, Tensor]]]


def update(
    policy: ActorCritic,
    parameters: Tensor,
    adam: AdamState,
    experience: Experience,
    knobs: Sequence[Knobs],
    generators: Sequence[np.random.Generator],
    width: int,
) -> list[LossInfo]:
    """Update `parameters` and `adam` in place; return what each member's losses said in its last epoch."""
    info: list[LossInfo] = [{} for _ in knobs]
    for members in chunks([row.program for row in knobs], width):
        rows = [knobs[member] for member in members]
        if not rows[0].updates or not rows[0].losses:
            continue
        own = take(members, parameters, adam.mean, adam.square)
        index = shuffled([generators[member] for member in members], members, experience.samples, rows[0])
        said = update_chunk(policy, own, adam.updates[members], experience, rows, index)
        put_back(members, own, parameters, adam.mean, adam.square)
        adam.updates[members] += rows[0].updates
        for position, member in enumerate(members):
            info[member] = {loss: {k: v[position] for k, v in numbers.items()} for loss, numbers in said.items()}
    return info


def chunks(programs: Sequence[Hashable], width: int) -> Iterator[list[int]]:
    """Members with the same program, at most `width` at a time: nothing is masked, and the cache suffices."""
    groups: dict[Hashable, list[int]] = {}
    for member, program in enumerate(programs):
        groups.setdefault(program, []).append(member)
    for group in groups.values():
        for start in range(0, len(group), width):
            yield group[start : start + width]


def take(members: list[int], *rows: Tensor) -> list[Tensor]:
    """Contiguous copies of these members' rows."""
    index = torch.tensor(members, device=rows[0].device)
    return [tensor.index_select(0, index) for tensor in rows]


def put_back(members: list[int], own: list[Tensor], *rows: Tensor) -> None:
    """Write rows taken with `take` back."""
    index = torch.tensor(members, device=rows[0].device)
    for tensor, mine in zip(rows, own, strict=True):
        tensor.index_copy_(0, index, mine.detach())


def shuffled(generators: list[np.random.Generator], members: list[int], samples: int, row: Knobs) -> NDArray[np.int64]:
    """Row numbers `[E, M, k, mb]` of every minibatch: a permutation of its own for each member and epoch.

    What `num_mini_batch` does not divide is left out, other samples in each epoch.
    """
    size = samples // row.num_mini_batch
    order = np.array([[generator.permutation(samples) for _ in range(row.epochs)] for generator in generators])
    order += np.array(members)[:, None, None] * samples
    used = order[:, :, : size * row.num_mini_batch].reshape(len(members), row.epochs, row.num_mini_batch, size)
    return np.ascontiguousarray(used.transpose(1, 2, 0, 3))


def update_chunk(
    policy: ActorCritic,
    own: list[Tensor],
    updates: NDArray[np.int64],
    experience: Experience,
    rows: Sequence[Knobs],
    index: NDArray[np.int64],
) -> dict[str, dict[str, list[float]]]:
    """All epochs of one chunk, in place on its `[k, P]` rows `own = [parameters, mean, square]`."""
    parameters, mean, square = own
    device = str(parameters.device)
    settings = [row.adam for row in rows]
    lr, norm = np.array([adam.lr for adam in settings]), column(rows, "max_grad_norm")
    numbers = adam_rows(settings, lr, norm, updates, rows[0].updates, device)
    losses = stacked_losses(rows, device)
    parameters.requires_grad_()
    said: list[Tensor] = []
    for epoch, order in enumerate(index):
        for i, batch in enumerate(experience.batches(order)):
            total, info = total_loss(policy, parameters, batch, losses)
            (gradient,) = torch.autograd.grad(total, parameters)
            with torch.no_grad():
                adam_step(parameters, gradient, mean, square, numbers, epoch * rows[0].num_mini_batch + i)
            if epoch == len(index) - 1:
                said.append(torch.stack([value.detach() for values in info.values() for value in values.values()]))
    means = torch.stack(said).mean(0).tolist()
    names = [(loss, name) for loss, values in info.items() for name in values]
    return {loss: {n: means[i] for i, (own_loss, n) in enumerate(names) if own_loss == loss} for loss in info}


def stacked_losses(rows: Sequence[Knobs], device: str) -> Stacked:
    """Each loss once, with its members' weights `[k]` and numbers `[k, 1]`."""
    return [
        (
            active,
            torch.tensor([row.losses[i].weight for row in rows], device=device),
            {
                name: torch.tensor([[row.losses[i].numbers[name]] for row in rows], device=device)
                for name in active.numbers
            },
        )
        for i, active in enumerate(rows[0].losses)
    ]


def total_loss(
    policy: ActorCritic, parameters: Tensor, batch: Batch, losses: Stacked
) -> tuple[Tensor, dict[str, dict[str, Tensor]]]:
    """The weighted sum of the losses of all members (their gradients do not mix), and what each loss has to say."""
    needs_expert = any(active.loss.needs_expert for active, *_ in losses)
    expert = batch.expert_action if needs_expert else None
    outputs = policy.outputs(parameters, batch.observation, batch.action, expert)
    total, info = parameters.new_zeros(()), {}
    for active, weight, numbers in losses:
        value, info[active.name] = active.loss(batch, outputs, numbers)
        total = total + (weight * value).sum()
    return total, info
