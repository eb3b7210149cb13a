"""Evaluation: episodes without learning, on separate seeds.

Shapes: K members, E episodes of a member, L = K*E lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.plan.sweeps.evaluation import Evaluation
from segue.train.policies import ActorCritic
from segue.train.policies.arrays.stacked import Array, as_native
from segue.train.rollouts.normalization import ObservationScale
from segue.train.rollouts.rollout import reset_memory, transfers
from segue.worlds.registry import make_world
from segue.worlds.seeds import Use, lane_seeds, stream
from segue.worlds.side_by_side import join_worlds
from segue.worlds.world import AnyWorld, Step, VectorWorld

EPISODE_METRICS = ("return", "length")
"""Metrics of every world: the undiscounted return and the steps of an episode."""


@dataclass
class Evaluator:
    """Evaluates members on a fixed set of episodes (common random numbers), one per lane.

    The result depends on the members' parameters only. Nothing is drawn from a random stream that
    training uses, so that an additional evaluation changes no result.
    """

    policy: ActorCritic
    world: VectorWorld
    seeds: Sequence[int]
    how: Evaluation
    use: Use = "evaluation"
    _start: NDArray[np.uint64] = field(init=False)

    def __post_init__(self) -> None:
        self._start = np.concatenate(
            [lane_seeds(seed, self.use, self.how.episodes) for seed in self.seeds]
        )

    @classmethod
    def new(
        cls,
        policy: ActorCritic,
        world: AnyWorld,
        seeds: Sequence[int],
        how: Evaluation,
        use: Use = "evaluation",
    ) -> Evaluator:
        """Return an evaluator with a new world."""
        return cls(policy, make_world(world, len(seeds), how.episodes), seeds, how, use)

    @classmethod
    def joined(cls, parts: Sequence[Evaluator]) -> Evaluator:
        """Return an evaluator of the members of all parts, one part after another.

        The parts evaluate members of one policy, on worlds of one definition, in the same way. Each
        of them may be used again, but not while this one is.
        """
        first = parts[0]
        seeds = [seed for part in parts for seed in part.seeds]
        world = join_worlds([part.world for part in parts])
        return cls(first.policy, world, seeds, first.how, first.use)

    def __call__(
        self, parameters_KP: Tensor, scale: ObservationScale | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Return the mean of each metric over a member's episodes, `[K]`.

        `scale` are the statistics by which the members' observations are normalised, which stay as
        they are.
        An episode that `max_episode_steps` cuts counts with its sums so far. A metric that a world
        reports only at the end of an episode is then missing, and is averaged over the episodes
        that did end (NaN if none did).
        """
        act = self._actor(parameters_KP, scale)
        scores = Scores.empty(self.world.lanes, self.world.metrics)
        observation = self.world.reset(self._start)
        for _ in range(self.how.max_episode_steps):
            step = self.world.step(act(observation))
            observation = step.observation
            act.forget(step.ended)
            scores.add(step)
            if scores.over.all():
                break
        return scores.means(len(self.seeds))

    def _actor(self, parameters_KP: Tensor, scale: ObservationScale | None = None) -> Actor:
        generators = [
            np.random.Generator(np.random.SFC64(stream(seed, "evaluation actions")))
            for seed in self.seeds
        ]
        return Actor(
            self.policy,
            parameters_KP,
            self.world.lanes,
            None if self.how.greedy else generators,
            scale,
        )


class Actor:
    """Chooses actions for all lanes: the most likely ones, or samples if it has generators.

    Memories start empty.
    """

    def __init__(
        self,
        policy: ActorCritic,
        parameters_KP: Tensor,
        lanes: int,
        generators: Sequence[np.random.Generator] | None = None,
        scale: ObservationScale | None = None,
    ) -> None:
        """Create an actor for `lanes` lanes of all members, L.

        Its observations are normalised by `scale`, if there is one.
        """
        self.scale = scale
        self.head = policy.head
        self.generators = generators
        self.act = policy.actor(parameters_KP)
        self.spread = as_native(policy.head.spread(policy.extra(parameters_KP)))
        self.members = len(parameters_KP)
        self.device = parameters_KP.device
        self.to_device, self.to_host = transfers(parameters_KP.device)
        self.memory = as_native(
            torch.zeros(self.members, lanes // self.members, policy.memory, device=self.device)
        )

    def __call__(self, observation: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the actions `[L]` or `[L, A]` for observations `[L, ...]`."""
        numbers = np.ascontiguousarray(observation, np.float32).reshape(
            self.members, len(observation) // self.members, -1
        )
        if self.scale is not None:
            numbers = self.scale(numbers)
        inputs, self.memory, _ = self.act(self.to_device(numbers), self.memory)
        chosen = self.head.mode(inputs) if self.generators is None else self._sample(inputs)
        return self.to_host(chosen).reshape(len(observation), *self.head.action_shape)

    def forget(self, lanes: NDArray[np.int64]) -> None:
        """Empty the memories of these lanes, in which an episode begins."""
        if lanes.size:
            self.memory = reset_memory(self.memory, lanes)

    def _sample(self, outputs: Array) -> Array:
        noise = np.empty((*outputs.shape[:-1], self.head.noise_size), np.float32)
        for member, generator in enumerate(self.generators or ()):
            self.head.draw_noise(generator, noise[member])
        shaped = self.head.shape_noise(torch.from_numpy(noise).to(self.device))
        return self.head.sample(outputs, self.spread, as_native(shaped))


@dataclass
class Scores:
    """Sums over each lane's first episode, `[L]` each."""

    over: NDArray[np.bool_]
    gathered: dict[str, NDArray[np.float64]]

    @classmethod
    def empty(cls, lanes: int, metrics: Sequence[str]) -> Scores:
        """Return the scores before the first step."""
        own = {name: np.zeros(lanes) for name in EPISODE_METRICS}
        return cls(np.zeros(lanes, bool), own | {name: np.full(lanes, np.nan) for name in metrics})

    def add(self, step: Step) -> None:
        """Count a step of the lanes whose episode is not over yet."""
        running = ~self.over
        self.gathered["return"] += np.where(running, step.reward, 0)
        self.gathered["length"] += running
        first = running[step.ended]
        for name, values in step.info.items():
            self.gathered[name][step.ended[first]] = values[first]
        self.over[step.ended] = True

    def means(self, members: int) -> dict[str, NDArray[np.float64]]:
        """Return the mean over a member's episodes, of those that have a value."""
        return {name: _mean(values.reshape(members, -1)) for name, values in self.gathered.items()}


def _mean(values_KE: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values_KE)
    counts = known.sum(1)
    total = np.where(known, values_KE, 0).sum(1)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
