"""Acting: K members take T steps in their lanes, without a gradient and without objects per step.

Shapes: K members, N lanes of a member, L = K*N lanes in all, T steps, O observation numbers, M
memory numbers of a lane, A outputs of the actor, E episodes that ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies import ActorCritic
from segue.train.policies.arrays.stacked import Array, as_native
from segue.train.policies.heads import Head
from segue.train.rollouts.normalization import ObservationNormalizer
from segue.train.rollouts.teacher import Teaching
from segue.worlds.world import Step, VectorWorld

ToDevice = Callable[[NDArray[Any]], Array]
ToHost = Callable[[Array], NDArray[Any]]
_FLOATS = np.dtype(np.float32)


class TruncatedEpisodes(NamedTuple):
    """Episodes that a limit ended at one step.

    The values of their last observations, with the memory after them, are bootstrapped.
    """

    step: int
    lanes: NDArray[np.int64]  # [E]
    observation: NDArray[np.float32]  # [E, O]
    memory: Array  # [E, M]


@dataclass
class Rollout:
    """The result of a rollout.

    The worlds' arrays stay on the CPU, and are moved to the device as a whole.
    """

    observation: NDArray[
        Any
    ]  # [K, T+1, N, O], bytes or floats; the last step is the next rollout's first
    reward: NDArray[np.float32]  # [T, L]
    terminated: NDArray[np.bool_]  # [T, L]
    truncated: NDArray[np.bool_]  # [T, L]
    # [K, N, M] before the first step; after `collect`, `last_memory` is the one after the last
    memory: Array
    last_memory: Array
    head: list[Array] = field(default_factory=list)  # T x [K, N, A]
    action: list[Array] = field(default_factory=list)  # T x [K, N] or [K, N, A]
    value: list[Array] = field(
        default_factory=list
    )  # T x [K, N]; none where the policy leaves them for later
    cut: list[TruncatedEpisodes] = field(
        default_factory=list
    )  # episodes that were truncated and not terminated
    info: list[tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]] = field(
        default_factory=list
    )
    """Lanes and world metrics `[E]` of ended episodes."""
    teaching: Teaching | None = None
    normalizer: ObservationNormalizer | None = None

    @classmethod
    def empty(
        cls,
        members: int,
        steps: int,
        lanes: int,
        numbers: int,
        memory: Array,
        dtype: np.dtype[Any] = _FLOATS,
    ) -> Rollout:
        """Return buffers for a rollout of `steps` steps; they are reused by later rollouts.

        `dtype` is that of the observations: bytes where the world returns bytes, else floats.
        """
        return cls(
            observation=np.zeros((members, steps + 1, lanes, numbers), dtype),
            reward=np.zeros((steps, members * lanes), np.float32),
            terminated=np.zeros((steps, members * lanes), bool),
            truncated=np.zeros((steps, members * lanes), bool),
            memory=memory,
            last_memory=memory,
        )

    def not_finite(self, member: int) -> str | None:
        """Return what the world returned to a member that is not finite; None if nothing was."""
        lanes = self.observation.shape[2]
        rewards = self.reward[:, member * lanes : (member + 1) * lanes]
        for name, values in (("reward", rewards), ("observation", self.observation[member])):
            if (bad := values[~np.isfinite(values)]).size:
                return f"the world returned {bad[0]} in {name}s: let it return finite numbers"
        return None

    def world_metrics(self, names: Sequence[str]) -> dict[str, list[list[float]]]:
        """Return the values of the episodes that ended, by metric and member."""
        members, _, own, _ = self.observation.shape
        found: dict[str, list[list[float]]] = {name: [[] for _ in range(members)] for name in names}
        for lanes, info in self.info:
            for name, values in info.items():
                for lane, value in zip(lanes, values, strict=True):
                    found[name][lane // own].append(float(value))
        return found

    def clear(self) -> None:
        """Clear the lists of the last rollout."""
        for events in (self.head, self.action, self.value, self.cut, self.info):
            events.clear()


def noise_for(
    head: Head, generators: Sequence[np.random.Generator], steps: int, lanes: int, device: str
) -> list[Array]:
    """Return the noise of a whole rollout, T x `[K, N, Z]` with Z numbers for one action.

    Each member's noise comes from its own generator.
    """
    noise = np.empty((len(generators), steps, lanes, head.noise_size), np.float32)
    for member, generator in enumerate(generators):
        head.draw_noise(generator, noise[member])
    return [
        as_native(noise_t)
        for noise_t in head.shape_noise(torch.from_numpy(noise).to(device)).unbind(1)
    ]


def collect(
    world: VectorWorld,
    policy: ActorCritic,
    parameters: Tensor,
    noise: Sequence[Array],
    rollout: Rollout,
) -> None:
    """Fill `rollout`, whose first observation and memory are set."""
    rollout.clear()
    act = policy.actor(parameters)
    sample = policy.head.sample
    spread = as_native(policy.head.spread(policy.extra(parameters)))
    seen = rollout.observation.swapaxes(0, 1)
    to_device, to_host = transfers(parameters.device)
    actions = world.lanes, *policy.head.action_shape
    memory = rollout.memory
    for t, noise_t in enumerate(noise):
        inputs, memory, value = act(to_device(seen[t].astype(np.float32, copy=False)), memory)
        action = sample(inputs, spread, noise_t)
        if rollout.teaching is not None:
            action = apply_teacher_forcing(world, rollout.teaching, t, action, to_host, to_device)
        step = world.step(to_host(action).reshape(actions))
        if rollout.normalizer is None:
            seen[t + 1] = step.observation.reshape(seen[t].shape)
        else:
            rollout.normalizer.observe(step.observation, seen[t + 1])
        rollout.head.append(inputs)
        rollout.action.append(action)
        if value is not None:
            rollout.value.append(value)
        rollout.reward[t] = step.reward
        rollout.terminated[t] = step.terminated
        rollout.truncated[t] = step.truncated
        if step.ended.size:
            record_ends(rollout, t, step, memory)
            memory = reset_memory(memory, step.ended)
    rollout.last_memory = memory


def reset_memory(memory_KNM: Array, lanes: NDArray[np.int64]) -> Array:
    """Return the memories, with those of lanes that begin an episode reset, for all L lanes.

    The arguments are not changed, since they may still be needed.
    """
    if not memory_KNM.shape[2]:
        return memory_KNM
    copy = memory_KNM.clone() if isinstance(memory_KNM, Tensor) else memory_KNM.copy()
    copy[np.divmod(lanes, memory_KNM.shape[1])] = 0
    return copy


def apply_teacher_forcing(
    world: VectorWorld,
    teaching: Teaching,
    t: int,
    action: Array,
    to_host: ToHost,
    to_device: ToDevice,
) -> Array:
    """Return the actions, with the expert's in lanes that are to follow it."""
    own = to_host(action)
    flat = own.reshape(world.lanes, *own.shape[2:])
    return to_device(teaching(t, world.expert(), flat).reshape(own.shape))


def transfers(device: torch.device) -> tuple[ToDevice, ToHost]:
    """Return functions that move arrays to the acting device and back.

    On a CPU both return their argument.
    """
    if device.type == "cpu":
        return (lambda array: array), (lambda array: array)
    return (lambda array: torch.from_numpy(array).to(device)), (lambda tensor: tensor.cpu().numpy())


def record_ends(rollout: Rollout, t: int, step: Step, memory_KNM: Array) -> None:
    """Record what the next step of the world will overwrite.

    That is the metrics of episodes, and last observations whose values are bootstrapped.
    """
    ended = step.ended
    if step.info:
        rollout.info.append(
            (ended.copy(), {name: values.copy() for name, values in step.info.items()})
        )
    cut = rollout.truncated[t, ended] & ~rollout.terminated[t, ended]
    if cut.any():
        numbers = step.final_observation[cut].reshape(int(cut.sum()), -1)
        if rollout.normalizer is not None:
            members = ended[cut] // memory_KNM.shape[1]
            numbers = rollout.normalizer.scale.of(members, numbers)
        rollout.cut.append(
            TruncatedEpisodes(
                t,
                ended[cut],
                numbers.astype(np.float32, copy=False),
                memory_KNM[np.divmod(ended[cut], memory_KNM.shape[1])],
            )
        )
