"""A pack: K members that share shapes, one world, one set of tensors.

Packing never changes a result: a member draws from its own generators, nothing is reduced over
members, and each member's operations have the same shapes regardless of its neighbours.

Shapes: K members, N lanes of a member, P parameters of a member, M memory numbers of a lane.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.plan.world import World
from segue.train.data.component_data import Data
from segue.train.members.episodes import EpisodeTotals, ended_episodes
from segue.train.members.knobs import Knobs
from segue.train.optimizers import OptimizerState, Rule
from segue.train.packs.interval import IterationResult
from segue.train.policies import ActorCritic
from segue.train.policies.arrays.stacked import as_native, as_tensor
from segue.train.rollouts.generators import MemberGenerators
from segue.train.rollouts.normalization import Normalizer
from segue.train.rollouts.rollout import Rollout, collect, noise_for
from segue.train.rollouts.teacher import Teaching
from segue.train.stored_weights import StoredWeights
from segue.train.updates.experience import experience
from segue.train.updates.update import Learner
from segue.worlds.seeds import lane_seeds
from segue.worlds.side_by_side import join_worlds
from segue.worlds.world import VectorWorld

CACHE = 2 << 20  # bytes of activations that a chunk of members may hold in memory


@dataclass
class Pack:
    """The members' tensors and the state of their worlds.

    A pack is created by `Pack.new`, divided by `select`, and put together by `joined`.
    """

    policy: ActorCritic
    world: VectorWorld
    parameters: Tensor  # [K, P]
    optimizer: OptimizerState
    generators: list[MemberGenerators]
    running: EpisodeTotals
    observation: np.ndarray  # [K, N, O]: what the members see now, as bytes or floats
    memory: Tensor  # [K, N, M]: what their policies remember
    normalizer: Normalizer
    rollout: Rollout | None = None

    @classmethod
    def new(
        cls,
        policy: ActorCritic,
        world: VectorWorld,
        rule: Rule,
        seeds: Sequence[int],
        device: str,
        definition: World,
    ) -> Pack:
        """Draw the parameters of one member a seed, and begin an episode in each of its lanes.

        `definition` says what is normalised of what `world`, which was made of it, returns.
        """
        members = len(seeds)
        lanes = world.lanes // len(seeds)
        generators = [MemberGenerators.of(seed) for seed in seeds]
        parameters = torch.stack([policy.initial(own.parameters) for own in generators]).to(device)
        observation = world.reset(
            np.concatenate([lane_seeds(seed, "train", lanes) for seed in seeds])
        )
        numbers = np.array(observation, np.float32).reshape(members, lanes, -1)
        normalizer = Normalizer.of(definition, members, lanes, numbers.shape[2])
        normalizer.begin(observation, numbers)
        if observation.dtype == np.uint8 and normalizer.observation is None:
            numbers = numbers.astype(np.uint8)  # exact, and a quarter of the memory
        running = EpisodeTotals.zeros(members * lanes)
        memory = torch.zeros(members, lanes, policy.memory, device=device)
        optimizer = OptimizerState.zeros(rule, parameters)
        return cls(
            policy, world, parameters, optimizer, generators, running, numbers, memory, normalizer
        )

    @property
    def members(self) -> int:
        """Number of members, K."""
        return len(self.generators)

    @property
    def lanes(self) -> int:
        """Number of lanes of one member, N."""
        return self.world.lanes // self.members

    def iterate(
        self, knobs: Sequence[Knobs], data: Sequence[list[Data]], logged: Sequence[bool]
    ) -> IterationResult:
        """Run one rollout, the updates from it, and those from other `data`.

        `data` lists the batches of each member, `logged` whether its losses and diagnostics are
        needed.
        """
        rollout = self._buffers(knobs[0].num_steps)
        noise = noise_for(
            self.policy.head,
            [own.actions for own in self.generators],
            knobs[0].num_steps,
            self.lanes,
            self.device,
        )
        rollout.teaching = self._teaching(knobs)
        rollout.normalizer = self.normalizer.observation
        collect(self.world, self.policy, self.parameters, noise, rollout)
        self.observation = rollout.observation[:, -1]
        self.memory = as_tensor(rollout.last_memory)
        over = rollout.terminated | rollout.truncated
        ended, self.running = ended_episodes(rollout.reward, over, self.running)
        self.normalizer.apply_to_rewards(rollout.reward, over, [row.gamma for row in knobs])
        width = self.width(knobs[0])
        learned_from = experience(self.policy, self.parameters, rollout, knobs, width)
        learner = Learner(self.policy, self.parameters, self.optimizer, width, logged)
        learned = learner.from_rollout(
            learned_from, knobs, [own.minibatches for own in self.generators]
        )
        if any(data):
            from_data = learner.from_data(knobs, self.normalizer.recorded(data))
            learned = [one.and_then(other) for one, other in zip(learned, from_data, strict=True)]
        for member, result in enumerate(learned):
            if result.failure is not None:
                result.failure = rollout.not_finite(member) or result.failure
        taught = rollout.teaching
        ratios = taught.ratios(self.members) if taught else np.zeros(self.members)
        return IterationResult(ended, rollout.world_metrics(self.world.metrics), learned, ratios)

    def start_from(self, members: Sequence[int], weights: StoredWeights) -> None:
        """Give these members the weights and statistics of as many others, in this order.

        Parameters that `weights` lacks remain. Optimizers and episodes start anew.
        """
        named = self.policy.named(self.parameters)
        for name, values in weights.named.items():
            named[name][list(members)] = values.to(self.device)
        self.optimizer.start_anew(members)
        if self.normalizer.observation is not None and weights.statistics is not None:
            self.normalizer.observation.moments.replace(members, weights.statistics)
        self.restart(members)

    def restart(self, members: Sequence[int]) -> None:
        """Abandon the running episodes of these members and start new ones in all their lanes."""
        lanes = self.lanes_of(members)
        first = np.asarray(self.world.restart(lanes), np.float32)
        first = first.reshape(len(members), *self.observation.shape[1:])
        self.observation = self.observation.copy()
        self.observation[list(members)] = self.normalizer.restarted(members, first)
        self.memory = self.memory.clone()
        self.memory[list(members)] = 0
        self.running.reward[lanes] = 0
        self.running.steps[lanes] = 0

    @property
    def device(self) -> str:
        """Where the members learn."""
        return str(self.parameters.device)

    def width(self, knobs: Knobs) -> int:
        """Return how many members to update at a time.

        On a CPU, as many as have activations that fit in the cache.
        """
        if self.device != "cpu":
            return self.members
        samples = self.lanes * knobs.num_steps // knobs.num_mini_batch
        most = members_in_cache(samples, self.policy)
        return math.ceil(self.members / math.ceil(self.members / most))

    def select(self, members: Sequence[int]) -> Pack:
        """Return the pack of these members only; `self` must not be iterated any more.

        Other members may still be selected from it. The results of no member change.
        """
        lanes = self.lanes_of(members)
        rows = torch.tensor(list(members), device=self.parameters.device)
        return Pack(
            self.policy,
            self.world.select(lanes),
            self.parameters[rows],
            self.optimizer.select(members),
            [self.generators[member] for member in members],
            self.running.select(lanes),
            self.observation[list(members)],
            self.memory[rows],
            self.normalizer.select(members),
        )

    @classmethod
    def joined(cls, parts: Sequence[Pack]) -> Pack:
        """Return the pack of the members of all parts, which must not be used any more.

        The parts have worlds, policies, lanes and optimizers of one kind. The results of no member
        change.
        """
        if len(parts) == 1:
            return parts[0]
        return cls(
            parts[0].policy,
            join_worlds([part.world for part in parts]),
            torch.cat([part.parameters for part in parts]),
            OptimizerState.joined([part.optimizer for part in parts]),
            [own for part in parts for own in part.generators],
            EpisodeTotals.joined([part.running for part in parts]),
            np.concatenate([part.observation for part in parts]),
            torch.cat([part.memory for part in parts]),
            Normalizer.joined([part.normalizer for part in parts]),
        )

    def _buffers(self, steps: int) -> Rollout:
        """Return the rollout's buffers, with the current observations in the first place."""
        if self.rollout is None or len(self.rollout.reward) != steps:
            self.rollout = Rollout.empty(
                self.members,
                steps,
                self.lanes,
                self.observation.shape[-1],
                self.memory,
                self.observation.dtype,
            )
        self.rollout.observation[:, 0] = self.observation
        self.rollout.memory = as_native(self.memory)
        return self.rollout

    def _teaching(self, knobs: Sequence[Knobs]) -> Teaching | None:
        """Return buffers for the expert's advice in the next rollout; None if it is not needed."""
        if not any(row.needs_expert for row in knobs):
            return None
        space = self.world.single_action_space
        buffer = np.zeros((knobs[0].num_steps, self.world.lanes, *(space.shape or ())), space.dtype)
        return Teaching.of(knobs, self.generators, self.lanes, buffer, self.policy.head.size)

    def lanes_of(self, members: Sequence[int]) -> NDArray[np.int64]:
        """Return the lanes of these members, in their order."""
        lanes: NDArray[np.int64] = np.array(members)[:, None] * self.lanes + np.arange(self.lanes)
        return lanes.reshape(-1)


def members_in_cache(samples: int, policy: ActorCritic) -> int:
    """Return how many members have activations of so many samples in the cache together."""
    return max(1, CACHE // (samples * policy.activations * 4))
