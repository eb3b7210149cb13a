"""The `minigrid` package alongside the engine: the same grids, through the same actions."""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from segue.worlds import lane_seeds
from segue.worlds.array.minigrid import Level, MiniGrid
from segue.worlds.array.minigrid.cells import COLOURS, EMPTY, STATES
from segue.worlds.array.minigrid.view import MARGIN

pytest.importorskip("minigrid", reason="the extra segue[minigrid] is not installed")

Environment = Any  # minigrid's MiniGridEnv


def package_env(world_id: str) -> Environment:
    """The package's environment, without wrappers, whether or not it has a successor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*out of date", category=DeprecationWarning)
        return gymnasium.make(world_id, disable_env_checker=True).unwrapped


def package_cells(env: Environment) -> NDArray[np.uint8]:
    """Its grid in our codes: [height, width]."""
    kind, colour, state = np.moveaxis(env.grid.encode().astype(int), 2, 0)
    return ((kind * COLOURS + colour) * STATES + state).T.astype(np.uint8)


def put(world: MiniGrid, lane: int, env: Environment) -> None:
    """Let the lane stand where the package's environment stands."""
    state = world.state_dict()
    state["cells"][lane, MARGIN:-MARGIN, MARGIN:-MARGIN] = package_cells(env)
    x, y = env.agent_pos
    state["at"][lane] = (y + MARGIN) * state["cells"].shape[2] + x + MARGIN
    state["direction"][lane] = env.agent_dir
    state["carried"][lane] = (
        np.dot(env.carrying.encode(), (COLOURS * STATES, STATES, 1)) if env.carrying else EMPTY
    )
    state["steps"][lane] = env.step_count
    world.load_state_dict(state)


@dataclass
class Beside:
    """A world of the engine and as many environments of the package, which go through the same."""

    world: MiniGrid
    envs: list[Environment]
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    seen: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, level: Level, envs: list[Environment]) -> "Beside":
        world = MiniGrid(level, 1, len(envs))
        world.reset(lane_seeds(0, "train", len(envs)))
        beside = cls(world, envs)
        for lane in range(len(envs)):
            beside._begin(lane)
        return beside

    def step(self, actions: NDArray[np.int64]) -> None:
        """Act on both sides and compare everything that can be seen."""
        step = self.world.step(actions)
        finals = dict(zip(step.ended.tolist(), step.final_observation.copy(), strict=True))
        success = dict(zip(step.ended.tolist(), step.info["success"].tolist(), strict=True))
        for lane, env in enumerate(self.envs):
            expected, reward, terminated, truncated, _ = env.step(actions[lane])
            np.testing.assert_array_equal(
                finals.get(lane, step.observation[lane]), expected["image"]
            )
            assert step.reward[lane] == np.float32(reward)
            assert (step.terminated[lane], step.truncated[lane]) == (terminated, truncated)
            self.seen.update(
                {
                    "success": reward > 0,
                    "failure": terminated and reward == 0,
                    "truncated": truncated,
                }
            )
            if lane in finals:
                assert success[lane] == (reward > 0)
                self._begin(lane)
            else:
                assert self.world.directions[lane] == expected["direction"]
                self.seen.update(
                    {f"carries {env.carrying.type}" if env.carrying else "empty hands": 1}
                )

    def _begin(self, lane: int) -> None:
        self.envs[lane].reset(seed=int(self.generator.integers(2**31)))
        put(self.world, lane, self.envs[lane])
