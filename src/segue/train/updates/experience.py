"""Turn a rollout into experience: values, advantages, and rows from which minibatches are drawn.

Shapes: K members, N lanes of a member, L = K*N lanes, T steps, B = T*N samples of a member, O
observation numbers, M memory numbers of a lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.data.batch import Batch, PolicyInput, Sequences
from segue.train.members.knobs import Knobs, member_values
from segue.train.policies import ActorCritic
from segue.train.policies.arrays.stacked import Array, array_module, as_tensor
from segue.train.rollouts.rollout import Rollout
from segue.train.updates.bootstrap import bootstrapped
from segue.train.updates.returns import gae


@dataclass(frozen=True)
class Experience:
    """A rollout as rows to draw from, the members' one after the other; sample (t, n) of a member
    is row t*N + n.
    """

    observation: Tensor  # [K*B, O], bytes or floats
    action: Tensor  # [K*B, ...]
    scalars: (
        Tensor  # [5, K*B]: log-probability, advantage, value target, value, normalised advantage
    )
    samples: int  # B
    lanes: int  # N
    expert: tuple[
        Tensor, ...
    ] = ()  # its actions [K*B, ...], whether it knew them [K*B], its policy [K*B, A] if queried
    memory: Tensor | None = None  # [K*N, M] before the first step, where the policy has one
    begins: Tensor | None = None  # [K*B] 1.0 where an episode begins within the rollout

    @property
    def value(self) -> Tensor:
        """The values of the rollout, `[K, B]`."""
        return self.scalars[3].view(-1, self.samples)

    @property
    def value_target(self) -> Tensor:
        """The value targets of the rollout, `[K, B]`."""
        return self.scalars[2].view(-1, self.samples)

    def batches(self, index: NDArray[np.int64]) -> Iterator[Batch]:
        """Minibatches for row numbers `[M, k, mb]`, gathered for a whole epoch at once.

        Where the policy has a memory, a minibatch is T rows of each of n lanes, step by step.
        """
        rows = torch.from_numpy(index.reshape(-1)).to(self.observation.device)

        def drawn(values: Tensor, dimension: int = 0) -> tuple[Tensor, ...]:
            parts: tuple[Tensor, ...] = (
                values.index_select(dimension, rows)
                .unflatten(dimension, index.shape)
                .unbind(dimension)
            )
            return parts

        sequences = self._sequences(index, rows)
        expert = [drawn(values) for values in self.expert]
        seen = zip(drawn(self.observation), drawn(self.action), sequences, strict=True)
        for one, scalars, *advice in zip(seen, drawn(self.scalars, 1), *expert, strict=True):
            seen_by_policy = PolicyInput(one[0].float(), *one[1:])
            yield Batch(seen_by_policy, *scalars.unbind(0), *advice)

    def _sequences(self, index: NDArray[np.int64], rows: Tensor) -> Sequence[Sequences | None]:
        if self.memory is None or self.begins is None:
            return [None] * len(index)
        steps = self.samples // self.lanes
        first = index[..., : index.shape[-1] // steps]  # [M, k, n]: the rows of the first step
        lanes = torch.from_numpy(first // self.samples * self.lanes + first % self.samples).to(
            rows.device
        )
        memory = self.memory.index_select(0, lanes.reshape(-1)).unflatten(0, first.shape)
        begins = self.begins.index_select(0, rows).view(*index.shape[:2], steps, -1)
        return [Sequences(*both) for both in zip(memory, begins, strict=True)]


@torch.no_grad()
def experience(
    policy: ActorCritic, parameters: Tensor, rollout: Rollout, knobs: Sequence[Knobs], width: int
) -> Experience:
    """Return what members learn from a rollout; the critics value `width` members at a time."""
    members, _, lanes, numbers = rollout.observation.shape
    device = parameters.device
    observation = torch.from_numpy(rollout.observation).to(device)
    value_KTN = rollout_values(policy, parameters, observation, rollout, width)
    advantage_TKN = rollout_advantages(policy, parameters, rollout, knobs, value_KTN)
    action = stacked(rollout.action)
    extra = policy.extra(parameters).unsqueeze(1)
    log_prob_KTN = policy.head.log_prob(stacked(rollout.head), extra, action)
    has_memory = policy.memory > 0
    return Experience(
        observation[:, :-1].reshape(-1, numbers),
        action.flatten(0, 2),
        scalar_rows(log_prob_KTN, advantage_TKN, value_KTN[:, :-1]),
        len(rollout.reward) * lanes,
        lanes,
        expert_rows(rollout, members, device),
        as_tensor(rollout.memory).flatten(0, 1) if has_memory else None,
        begin_rows(rollout, members, device) if has_memory else None,
    )


def rollout_advantages(
    policy: ActorCritic,
    parameters: Tensor,
    rollout: Rollout,
    knobs: Sequence[Knobs],
    value_KTN: Tensor,
) -> NDArray[np.float32]:
    """Return the advantages `[T, K, N]`, from the critic's values `[K, T+1, N]`; see `gae`."""
    members, steps_and_one, lanes = value_KTN.shape
    shape = steps_and_one - 1, members, lanes
    value_TKN = np.ascontiguousarray(value_KTN.cpu().numpy().swapaxes(0, 1))
    terminated = rollout.terminated.reshape(shape)
    return gae(
        rollout.reward.reshape(shape),
        value_TKN[:-1],
        bootstrapped(policy, parameters, rollout, value_TKN[1:]),
        terminated,
        terminated | rollout.truncated.reshape(shape),
        member_values(knobs, "gamma"),
        member_values(knobs, "gae_lambda"),
    )


def scalar_rows(
    log_prob_KTN: Tensor, advantage_TKN: NDArray[np.float32], value_KTN: Tensor
) -> Tensor:
    """Return the `scalars` of an `Experience`, `[5, K*B]`."""
    device = value_KTN.device
    advantage = torch.from_numpy(advantage_TKN.swapaxes(0, 1)).to(device)
    normal = torch.from_numpy(normalized_per_rollout(advantage_TKN)).to(device)
    scalars = [log_prob_KTN, advantage, advantage + value_KTN, value_KTN, normal]
    return torch.stack(scalars).view(5, -1)


def begin_rows(rollout: Rollout, members: int, device: torch.device) -> Tensor:
    """Return the `begins` of an `Experience`, `[K*B]`."""
    return member_rows(begins(rollout.terminated | rollout.truncated), members, device)


def rollout_values(
    policy: ActorCritic, parameters: Tensor, observation_KTNO: Tensor, rollout: Rollout, width: int
) -> Tensor:
    """The critic's values `[K, T+1, N]` of all observations, a few members at a time."""
    members, steps, lanes, _ = observation_KTNO.shape
    if rollout.value:  # acting gave them; what remains is what the next rollout begins with
        seen = observation_KTNO[:, -1].float()
        last = policy.values(parameters, seen, as_tensor(rollout.last_memory))
        return torch.cat([stacked(rollout.value), last.unsqueeze(1)], 1)
    seen = observation_KTNO.flatten(1, 2)
    none = parameters.new_zeros(members, seen.shape[1], 0)
    parts = zip(parameters.split(width), seen.split(width), none.split(width), strict=True)
    values = [policy.values(own, some.float(), memory) for own, some, memory in parts]
    return torch.cat(values).view(members, steps, lanes)


def normalized_per_rollout(advantage_TKN: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return advantages of mean 0 and standard deviation 1 over the rollout, `[K, T, N]`."""
    steps, members, lanes = advantage_TKN.shape
    rows = np.ascontiguousarray(advantage_TKN.swapaxes(0, 1)).reshape(members, -1)
    deviation = rows.std(1, ddof=1 if rows.shape[1] > 1 else 0, keepdims=True)
    normal: NDArray[np.float32] = (rows - rows.mean(1, keepdims=True)) / (deviation + 1e-8)
    return normal.reshape(members, steps, lanes)


def begins(ended_TL: NDArray[np.bool_]) -> NDArray[np.float32]:
    """1.0 where an episode begins after the first step; before it, the memory says so."""
    starts = np.zeros(ended_TL.shape, np.float32)
    starts[1:] = ended_TL[:-1]
    return starts


def expert_rows(rollout: Rollout, members: int, device: torch.device) -> tuple[Tensor, ...]:
    """Return the expert's actions as rows in the members' order; () if it was not queried."""
    teaching = rollout.teaching
    if teaching is None:
        return ()
    said = [teaching.action, teaching.available.astype(np.float32)]
    if teaching.policy is not None:
        said.append(teaching.policy)
    return tuple(member_rows(steps, members, device) for steps in said)


def member_rows(steps_TL: NDArray[Any], members: int, device: torch.device) -> Tensor:
    """`[T, K*N, ...]` as rows in the members' order, `[K*T*N, ...]`."""
    apart = steps_TL.reshape(len(steps_TL), members, -1, *steps_TL.shape[2:])
    together = apart.swapaxes(0, 1).reshape(-1, *steps_TL.shape[2:])
    return torch.from_numpy(np.ascontiguousarray(together)).to(device)


def stacked(steps: list[Array]) -> Tensor:
    """T x `[K, N, ...]` as one tensor `[K, T, N, ...]`."""
    return as_tensor(array_module(steps[0]).stack(steps, 1))
