"""The engine equals the `minigrid` package on the same grids and actions."""

from typing import ClassVar

import numpy as np
import pytest
from minigrid.core.world_object import (
    WorldObj,
)  # isort: skip  (after `package`, which skips where it is missing)

from segue.worlds import lane_seeds
from segue.worlds.array.minigrid import IDS, MiniGrid, level_of
from segue.worlds.array.minigrid.level import Layout, SquareLevel, rooms
from tests.worlds.array.minigrid.package import Beside, Environment, package_cells, package_env, put

from minigrid.envs import EmptyEnv  # isort: skip

QUICK = (
    "MiniGrid-Empty-5x5-v0",
    "MiniGrid-DoorKey-5x5-v0",
    "MiniGrid-KeyCorridorS3R2-v0",
    "MiniGrid-MultiRoom-N6-v0",
)
LONG = (
    "MiniGrid-Empty-Random-6x6-v0",
    "MiniGrid-DoorKey-5x5-v0",
    "MiniGrid-DoorKey-8x8-v0",
    "MiniGrid-LavaCrossingS9N2-v0",
    "MiniGrid-SimpleCrossingS11N5-v0",
    "MiniGrid-FourRooms-v0",
    "MiniGrid-MultiRoom-N4-S5-v0",
    "MiniGrid-KeyCorridorS3R3-v0",
)


def play_beside(world_id: str, steps: int) -> Beside:
    """Play random actions, half of them the expert's where there is one.

    Doors are then opened and goals reached.
    """
    level = level_of(world_id)
    assert level is not None
    beside = Beside.of(level, [package_env(world_id) for _ in range(4)])
    for _ in range(steps // 4):
        actions = beside.generator.integers(7, size=4)
        if level.has_expert:
            actions = np.where(
                beside.generator.random(4) < 0.5, beside.world.expert().action, actions
            )
        beside.step(actions)
    return beside


@pytest.mark.parametrize("world_id", QUICK)
def test_the_same_actions_lead_to_the_same(world_id: str) -> None:
    play_beside(world_id, 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("world_id", LONG)
def test_the_same_actions_lead_to_the_same_for_long(world_id: str) -> None:
    beside = play_beside(world_id, 20_000)
    assert beside.seen["success" if beside.world.has_expert else "truncated"] > 10


class Jumble(SquareLevel):
    """As large as `JumbleEnv`, for its grids."""

    size = 9
    max_steps = 60
    see_through_walls: ClassVar[bool] = False

    def draw(self, streams, lanes) -> Layout:
        zeros = np.ones(len(lanes), np.int64)
        return Layout(rooms(len(lanes), self.size, self.size), zeros, zeros, zeros)


class JumbleEnv(EmptyEnv):
    """All of MiniGrid's objects in every colour, anywhere in the grid."""

    def __init__(self) -> None:
        super().__init__(size=9, max_steps=60)
        self.see_through_walls = False

    def _gen_grid(self, width: int, height: int) -> None:
        super()._gen_grid(width, height)
        for x in range(1, width - 1):
            for y in range(1, height - 1):
                kind = self.np_random.choice(
                    [1, 2, 3, 4, 5, 6, 7, 8, 9],
                    p=[0.4, 0.08, 0.1, 0.2, 0.1, 0.05, 0.05, 0.01, 0.01],
                )
                colour = self.np_random.integers(2)
                state = self.np_random.integers(3)
                self.grid.set(x, y, WorldObj.decode(kind, colour, state))
        self.grid.set(1, 1, None)
        self.place_agent()


def jumbled(steps: int) -> Beside:
    """Random actions, mostly walking and toggling, in grids full of everything."""
    beside = Beside.of(Jumble(), [JumbleEnv() for _ in range(4)])
    for _ in range(steps // 4):
        beside.step(beside.generator.choice(7, size=4, p=[0.1, 0.15, 0.3, 0.15, 0.09, 0.2, 0.01]))
    return beside


def assert_much_was_seen(beside: Beside) -> None:
    for what in ("success", "failure", "truncated", "carries key", "carries ball", "carries box"):
        assert beside.seen[what], f"{what} never happened"


def test_everything_in_one_grid_behaves_the_same() -> None:
    assert_much_was_seen(jumbled(3_000))


@pytest.mark.slow
def test_everything_in_one_grid_behaves_the_same_for_long() -> None:
    assert_much_was_seen(jumbled(40_000))


@pytest.mark.parametrize("world_id", IDS)
def test_levels_have_the_packages_size_and_limits(world_id: str) -> None:
    level = level_of(world_id)
    assert level is not None
    env: Environment = package_env(world_id)
    env.reset(seed=0)
    assert (level.height, level.width) == package_cells(env).shape
    assert (level.max_steps, level.see_through_walls) == (env.max_steps, env.see_through_walls)


def test_picking_up_the_ball_is_the_success_of_keycorridor() -> None:
    level = level_of("MiniGrid-KeyCorridorS3R1-v0")
    assert level is not None
    beside = Beside.of(level, [package_env("MiniGrid-KeyCorridorS3R1-v0") for _ in range(2)])
    for env in beside.envs:
        ball = next(thing for thing in env.grid.grid if thing is not None and thing.type == "ball")
        env.grid.set(*ball.cur_pos, None)
        env.grid.set(*env.front_pos, ball)
    for lane, env in enumerate(beside.envs):
        put(beside.world, lane, env)
    beside.step(np.array([3, 3]))
    assert beside.seen["success"] == 2


def test_directions_are_those_of_the_lanes() -> None:
    level = level_of("MiniGrid-Empty-5x5-v0")
    assert level is not None
    world = MiniGrid(level, 1, 3)
    world.reset(lane_seeds(0, "train", 3))
    world.step(np.array([0, 1, 2]))
    assert world.directions.tolist() == [3, 1, 0]
