"""Members loaded from a checkpoint, to evaluate, watch, or use elsewhere.

Neither Ray nor the sweep is needed.

Shapes: K members, P parameters of a member, E episodes of a member.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segue.plan.sweeps.evaluation import Evaluation
from segue.plan.world import World
from segue.train.evaluate import Actor, Evaluator
from segue.train.policies import ActorCritic, Policy, default_policy
from segue.train.rollouts.normalization import ObservationScale
from segue.train.stored_weights import StoredMembers
from segue.worlds.registry import as_world, make_world, world_spec
from segue.worlds.seeds import lane_seeds, stream
from segue.worlds.world import AnyWorld


@dataclass(frozen=True)
class Players:
    """Trained members: their parameters `[K, P]` on the CPU, and the network these are of.

    `scale` are the statistics by which their observations are normalised, if they are.
    """

    world: AnyWorld
    policy: ActorCritic
    parameters: Tensor
    scale: ObservationScale | None = None

    @classmethod
    def load(cls, checkpoint: Path, world: AnyWorld, policy: Policy | None = None) -> Players:
        """Load the members of a checkpoint file.

        `policy` is the policy that they were trained with; None stands for the default one. Raises
        ValueError for a file that is not a checkpoint, is damaged, or has members of another
        policy.
        """
        spec = world_spec(world)
        chosen = policy or default_policy(spec.single_observation_space)
        built = chosen.build(spec.single_observation_space, spec.single_action_space)
        stored = StoredMembers.load(checkpoint)
        parameters = stored.parameters
        scale = _scale(checkpoint, stored, as_world(world))
        wanted = built.parameters
        if parameters.shape[-1] != wanted:
            raise ValueError(
                f"{checkpoint} holds members of {parameters.shape[-1]:,} parameters, but this"
                f" policy has {wanted:,}: give the world and the policy with which they were"
                " trained."
            )
        return cls(world, built, parameters, scale)

    def evaluate(
        self, episodes: int, seed: int = 0, greedy: bool = True, max_episode_steps: int = 10_000
    ) -> dict[str, NDArray[np.float64]]:
        """Return the mean of each metric over E held-out episodes, `[K]`.

        The episodes are the same for all members (see `Evaluator`). `greedy` and
        `max_episode_steps` are those of an `Evaluation`, with its defaults.
        """
        seeds = [seed] * len(self.parameters)
        how = Evaluation(1, episodes, greedy, max_episode_steps)
        evaluator = Evaluator.new(self.policy, self.world, seeds, how, "held-out")
        try:
            return evaluator(self.parameters, self.scale)
        finally:
            evaluator.world.close()

    def frames(
        self,
        member: int,
        episodes: int,
        seed: int = 0,
        greedy: bool = True,
        max_episode_steps: int = 10_000,
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield pictures `[height, width, 3]` of held-out episodes that a member plays.

        There is one picture before each step. An episode is cut after `max_episode_steps`. Raises
        ValueError for a world that cannot be drawn.
        """
        world = make_world(self.world, 1, 1)
        try:
            observation = world.reset(lane_seeds(seed, "held-out", 1))
            scale = self.scale and self.scale.select([member])
            parameters = self.parameters[member : member + 1]
            generators = [np.random.Generator(np.random.SFC64(stream(seed, "played actions")))]
            act = Actor(self.policy, parameters, 1, None if greedy else generators, scale)
            lane = np.array([0])
            for _ in range(episodes):
                for _ in range(max_episode_steps):
                    yield world.render(0)
                    step = world.step(act(observation))
                    observation = step.observation
                    if step.ended.size:
                        break
                else:
                    observation = world.restart(lane)
                act.forget(lane)
        finally:
            world.close()


def _scale(checkpoint: Path, stored: StoredMembers, world: World) -> ObservationScale | None:
    """Return the statistics by which the members' observations are normalised, if they are."""
    statistics = stored.statistics
    if (statistics is not None) != world.normalize_observation:
        raise ValueError(
            f"{checkpoint} holds members {'without' if statistics is None else 'with'} statistics"
            f" of observations: give the world normalize_observation={statistics is not None}."
        )
    if statistics is None:
        return None
    return ObservationScale.of_moments(statistics, world.clip_observation)
