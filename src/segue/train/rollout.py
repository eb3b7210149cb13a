"""Acting: K members take T steps in their lanes, without a gradient and without an object a step.

Shapes: K members, N lanes of a member, L = K*N lanes in all, T steps, O observation numbers, A outputs of the actor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies import ActorCritic
from segue.train.policies.heads import Head
from segue.train.policies.stacked import Array, native
from segue.train.teacher import Teaching
from segue.worlds.world import Step, World

Send = Callable[[NDArray[Any]], Array]
Bring = Callable[[Array], NDArray[Any]]


@dataclass
class Rollout:
    """What a rollout leaves behind; the worlds' arrays stay on the CPU, and go to the device as a whole."""

    observation: NDArray[np.float32]  # [K, T+1, N, O]; the last step is the next rollout's first
    reward: NDArray[np.float32]  # [T, L]
    terminated: NDArray[np.bool_]  # [T, L]
    truncated: NDArray[np.bool_]  # [T, L]
    head: list[Array] = field(default_factory=list)  # T x [K, N, A]
    action: list[Array] = field(default_factory=list)  # T x [K, N] or [K, N, A]
    cut: list[tuple[int, NDArray[np.int64], NDArray[np.float32]]] = field(default_factory=list)
    """Step, lanes and last observations `[E, O]` of episodes that were truncated and not terminated."""
    info: list[tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]] = field(default_factory=list)
    """Lanes and world metrics `[E]` of ended episodes."""
    teaching: Teaching | None = None

    @classmethod
    def empty(cls, members: int, steps: int, lanes: int, numbers: int) -> Rollout:
        """Buffers for a rollout of `steps` steps; they are reused from rollout to rollout."""
        return cls(
            observation=np.zeros((members, steps + 1, lanes, numbers), np.float32),
            reward=np.zeros((steps, members * lanes), np.float32),
            terminated=np.zeros((steps, members * lanes), bool),
            truncated=np.zeros((steps, members * lanes), bool),
        )

    def clear(self) -> None:
        """Forget the lists of the last rollout."""
        for events in (self.head, self.action, self.cut, self.info):
            events.clear()


def noise_for(
    head: Head, generators: Sequence[np.random.Generator], steps: int, lanes: int, device: str
) -> list[Array]:
    """The noise of a whole rollout, T x `[K, N, A]`, each member's from its own generator."""
    noise = np.empty((len(generators), steps, lanes, head.size), np.float32)
    for member, generator in enumerate(generators):
        head.draw_noise(generator, noise[member])
    return [native(noise_t) for noise_t in head.shape_noise(torch.from_numpy(noise).to(device)).unbind(1)]


def collect(world: World, policy: ActorCritic, parameters: Tensor, noise: Sequence[Array], rollout: Rollout) -> None:
    """Fill `rollout`, whose first observation is already there."""
    rollout.clear()
    act, sample = policy.actor(parameters), policy.head.sample
    spread = native(policy.head.spread(policy.extra(parameters)))
    seen, send, bring = rollout.observation.swapaxes(0, 1), *between(parameters.device)
    actions = world.lanes, *policy.head.action_shape
    for t, noise_t in enumerate(noise):
        head = act(send(seen[t]))
        action = sample(head, spread, noise_t)
        if rollout.teaching is not None:
            action = taught(world, rollout.teaching, t, action, bring, send)
        step = world.step(bring(action).reshape(actions))
        seen[t + 1] = step.observation.reshape(seen[t].shape)
        rollout.head.append(head)
        rollout.action.append(action)
        rollout.reward[t], rollout.terminated[t], rollout.truncated[t] = step.reward, step.terminated, step.truncated
        if step.ended.size:
            note_ends(rollout, t, step)


def taught(world: World, teaching: Teaching, t: int, action: Array, bring: Bring, send: Send) -> Array:
    """The actions with the expert's in their place where the lane is to follow it."""
    own = bring(action)
    flat = own.reshape(world.lanes, *own.shape[2:])
    return send(teaching(t, world.expert(), flat).reshape(own.shape))


def between(device: torch.device) -> tuple[Send, Bring]:
    """How arrays are sent to the device that acts, and brought back; on a CPU both do nothing."""
    if device.type == "cpu":
        return (lambda array: array), (lambda array: array)
    return (lambda array: torch.from_numpy(array).to(device)), (lambda tensor: tensor.cpu().numpy())


def note_ends(rollout: Rollout, t: int, step: Step) -> None:
    """Keep what the next step of the world will overwrite: last observations that bootstrap, and metrics."""
    ended = step.ended
    if step.info:
        rollout.info.append((ended.copy(), {name: values.copy() for name, values in step.info.items()}))
    cut = rollout.truncated[t, ended] & ~rollout.terminated[t, ended]
    if cut.any():
        numbers = step.final_observation[cut].reshape(int(cut.sum()), -1).astype(np.float32)
        rollout.cut.append((t, ended[cut], numbers))
