"""Play a world and keep what every lane went through."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete, MultiBinary, MultiDiscrete
from numpy.typing import NDArray

from segue.worlds import Step, VectorWorld

Policy = Callable[[int], NDArray[Any]]


@dataclass
class Episodes:
    """The results of T steps of L lanes, as arrays [T, L, ...], and per lane its episodes' ends."""

    observation: list[NDArray[Any]] = field(default_factory=list)
    reward: list[NDArray[Any]] = field(default_factory=list)
    terminated: list[NDArray[Any]] = field(default_factory=list)
    truncated: list[NDArray[Any]] = field(default_factory=list)
    finals: list[dict[int, Any]] = field(default_factory=list)

    def add(self, step: Step) -> None:
        self.observation.append(step.observation.copy())
        self.reward.append(step.reward.copy())
        self.terminated.append(step.terminated.copy())
        self.truncated.append(step.truncated.copy())
        values = [
            dict(zip(step.info, row, strict=True)) for row in zip(*step.info.values(), strict=True)
        ]
        ends = zip(
            step.ended.tolist(),
            step.final_observation.copy(),
            values or [{}] * step.ended.size,
            strict=True,
        )
        self.finals.append({lane: (final, info) for lane, final, info in ends})

    def lane(self, lane: int) -> list[Any]:
        """Everything that one lane went through, step after step."""
        columns = (self.observation, self.reward, self.terminated, self.truncated)
        return [
            (*(column[t][lane] for column in columns), self.finals[t].get(lane))
            for t in range(len(self.observation))
        ]


def actions_by_seed(world: VectorWorld, seeds: NDArray[np.uint64], steps: int) -> NDArray[Any]:
    """Random actions [T, L, ...] in which a lane's depend on its seed only."""
    space = world.single_action_space
    generators = [np.random.default_rng(int(seed)) for seed in seeds]
    if isinstance(space, Discrete):
        return np.stack(
            [generator.integers(space.n, size=steps) for generator in generators], axis=1
        )
    size = (steps, *(space.shape or ()))
    if isinstance(space, MultiDiscrete | MultiBinary):
        choices = space.nvec if isinstance(space, MultiDiscrete) else 2
        return np.stack([generator.integers(choices, size=size) for generator in generators], 1)
    return np.stack(
        [generator.normal(0, 3, size).astype(np.float32) for generator in generators], axis=1
    )


def play(world: VectorWorld, actions: NDArray[Any]) -> Episodes:
    """Step the world through `actions` [T, L, ...] from where it is."""
    episodes = Episodes()
    for row in actions:
        episodes.add(world.step(row))
    return episodes


def assert_same(a: list[Any], b: list[Any]) -> None:
    """Two lanes went through the same, bit for bit."""
    assert len(a) == len(b)
    for mine, yours in zip(a, b, strict=True):
        np.testing.assert_equal(mine, yours)
