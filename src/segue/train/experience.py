"""From what happened to what is learned from: values, advantages, and the rows that minibatches are drawn from.

Shapes: K members, N lanes of a member, L = K*N lanes, T steps, B = T*N samples of a member, O observation numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.knobs import Knobs, column
from segue.train.losses import Batch
from segue.train.policies import ActorCritic
from segue.train.policies.stacked import Array, as_tensor, library
from segue.train.returns import gae
from segue.train.rollout import Rollout


@dataclass(frozen=True)
class Experience:
    """A rollout as rows to draw from, the members' one after the other."""

    observation: Tensor  # [K*B, O]
    action: Tensor  # [K*B, ...]
    scalars: Tensor  # [4, K*B]: log-probability, advantage, value target, value
    samples: int  # B
    expert: tuple[Tensor, Tensor] | None = None  # its actions [K*B, ...] and whether it knew them [K*B]

    def batches(self, index: NDArray[np.int64]) -> Iterator[Batch]:
        """Minibatches for row numbers `[M, k, mb]`, gathered for a whole epoch at once."""
        rows = torch.from_numpy(index.reshape(-1)).to(self.observation.device)
        observation = self.observation.index_select(0, rows).unflatten(0, index.shape).unbind(0)
        action = self.action.index_select(0, rows).unflatten(0, index.shape).unbind(0)
        scalars = self.scalars.index_select(1, rows).unflatten(1, index.shape).unbind(1)
        expert = [tensor.index_select(0, rows).unflatten(0, index.shape).unbind(0) for tensor in self.expert or ()]
        for fields in zip(observation, action, scalars, *expert, strict=True):
            yield Batch(*fields[:2], *fields[2].unbind(0), *fields[3:])


@torch.no_grad()
def experience(
    policy: ActorCritic, parameters: Tensor, rollout: Rollout, knobs: Sequence[Knobs], width: int
) -> Experience:
    """Judge a rollout with the critic and the members' discounts; `width` members are computed at a time."""
    members, steps_and_one, lanes, numbers = rollout.observation.shape
    steps, device = steps_and_one - 1, parameters.device
    observation = torch.from_numpy(rollout.observation).to(device)
    value_KTN = values(policy, parameters, observation.flatten(1, 2), width).view(members, steps_and_one, lanes)
    value_TKN = np.ascontiguousarray(value_KTN.cpu().numpy().swapaxes(0, 1))
    shape = steps, members, lanes
    terminated, truncated = rollout.terminated.reshape(shape), rollout.truncated.reshape(shape)
    advantage_TKN = gae(
        rollout.reward.reshape(shape),
        value_TKN[:-1],
        bootstrapped(policy, parameters, rollout, value_TKN[1:]),
        terminated,
        terminated | truncated,
        column(knobs, "gamma"),
        column(knobs, "gae_lambda"),
    )
    action = stacked(rollout.action)
    log_prob = policy.head.log_prob(stacked(rollout.head), policy.extra(parameters).unsqueeze(1), action)
    advantage = torch.from_numpy(advantage_TKN.swapaxes(0, 1)).to(device)
    value = value_KTN[:, :-1]
    scalars = torch.stack([log_prob, advantage, advantage + value, value]).view(4, -1)
    expert = expert_rows(rollout, members, device)
    return Experience(observation[:, :-1].reshape(-1, numbers), action.flatten(0, 2), scalars, steps * lanes, expert)


def expert_rows(rollout: Rollout, members: int, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """What the expert said, as rows in the members' order, if it was asked."""
    if rollout.teaching is None:
        return None

    def rows(steps_TL: NDArray[np.generic]) -> Tensor:
        apart = steps_TL.reshape(len(steps_TL), members, -1, *steps_TL.shape[2:])
        together = apart.swapaxes(0, 1).reshape(-1, *steps_TL.shape[2:])
        return torch.from_numpy(np.ascontiguousarray(together)).to(device)

    return rows(rollout.teaching.action), rows(rollout.teaching.available.astype(np.float32))


def stacked(steps: list[Array]) -> Tensor:
    """T x `[K, N, ...]` as one tensor `[K, T, N, ...]`."""
    return as_tensor(library(steps[0]).stack(steps, 1))


def values(policy: ActorCritic, parameters: Tensor, observation: Tensor, width: int) -> Tensor:
    """The critic's values `[K, B]`, a few members at a time so that their activations stay in the cache."""
    parts = zip(parameters.split(width), observation.split(width), strict=True)
    return torch.cat([policy.values(rows, seen) for rows, seen in parts])


def bootstrapped(
    policy: ActorCritic, parameters: Tensor, rollout: Rollout, next_value_TKN: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The values that follow each step, with those of truncated episodes' last observations in their place."""
    if not rollout.cut:
        return next_value_TKN
    _, members, lanes = next_value_TKN.shape
    next_value = next_value_TKN.copy()
    times = np.concatenate([np.full(len(lane), t) for t, lane, _ in rollout.cut])
    member, lane = np.divmod(np.concatenate([lane for _, lane, _ in rollout.cut]), lanes)
    final = np.concatenate([seen for *_, seen in rollout.cut])
    for block in blocks(member, members, lanes):
        padded = np.zeros((members, lanes, final.shape[1]), np.float32)
        padded[member[block.which], block.slot] = final[block.which]
        judged = policy.values(parameters, torch.from_numpy(padded).to(parameters.device)).cpu().numpy()
        next_value[times[block.which], member[block.which], lane[block.which]] = judged[member[block.which], block.slot]
    return next_value


@dataclass(frozen=True)
class Block:
    """Events that are judged together, and each one's place among its member's."""

    which: NDArray[np.int64]
    slot: NDArray[np.int64]


def blocks(member_E: NDArray[np.int64], members: int, size: int) -> Iterator[Block]:
    """Deal each member's events, in their order, into blocks of `size`.

    Every product then has the same shape `[K, size, O]`, however many events the neighbours have: the rounding of a
    member's values must not depend on them.
    """
    order = np.argsort(member_E, kind="stable")
    counts = np.bincount(member_E, minlength=members)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    for block in range(-(-int(counts.max()) // size)):
        which = np.flatnonzero(rank // size == block)
        yield Block(which, rank[which] % size)
