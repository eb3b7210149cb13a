"""The values with which the returns of truncated episodes are bootstrapped.

Shapes: K members, N lanes of a member, T steps, O observation numbers, E events.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies import ActorCritic
from segue.train.policies.arrays.stacked import as_tensor
from segue.train.rollouts.rollout import Rollout


def bootstrapped(
    policy: ActorCritic, parameters: Tensor, rollout: Rollout, next_value_TKN: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the values that follow each step, `[T, K, N]`.

    Where an episode was truncated, the value is that of its last observation.
    """
    if not rollout.cut:
        return next_value_TKN
    _, members, lanes = next_value_TKN.shape
    next_value = next_value_TKN.copy()
    times = np.concatenate([np.full(len(cut.lanes), cut.step) for cut in rollout.cut])
    member, lane = np.divmod(np.concatenate([cut.lanes for cut in rollout.cut]), lanes)
    final = torch.from_numpy(np.concatenate([cut.observation for cut in rollout.cut])).to(
        parameters.device
    )
    memory = torch.cat([as_tensor(cut.memory) for cut in rollout.cut])
    for which, slot in blocks(member, members, lanes):
        seen, remembered = (
            in_slots(rows, member[which], slot, which, (members, lanes)) for rows in (final, memory)
        )
        judged = policy.values(parameters, seen, remembered).cpu().numpy()
        next_value[times[which], member[which], lane[which]] = judged[member[which], slot]
    return next_value


def in_slots(
    rows_EX: Tensor,
    member: NDArray[np.int64],
    slot: NDArray[np.int64],
    which: NDArray[np.int64],
    shape: tuple[int, int],
) -> Tensor:
    """Return the rows `which` of events at their members' slots, zeros elsewhere: `[K, N, X]`."""
    placed = rows_EX.new_zeros(*shape, rows_EX.shape[1])
    placed[torch.from_numpy(member), torch.from_numpy(slot)] = rows_EX[torch.from_numpy(which)]
    return placed


def blocks(
    member_E: NDArray[np.int64], members: int, size: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield blocks of at most `size` events per member: the events, and the slot of each.

    Every product then has the same shape `[K, size, O]`, however many events the neighbours have:
    the rounding of a member's values must not depend on them.
    """
    order = np.argsort(member_E, kind="stable")
    counts = np.bincount(member_E, minlength=members)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    for block in range(-(-int(counts.max()) // size)):
        which = np.flatnonzero(rank // size == block)
        yield which, rank[which] % size
