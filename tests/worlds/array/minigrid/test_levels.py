"""Grids are drawn from the distributions of the `minigrid` package, and can be solved."""

import numpy as np
import pytest
from numpy.typing import NDArray

from segue.worlds import lane_seeds
from segue.worlds.array.minigrid import IDS, MiniGrid, level_of
from segue.worlds.array.minigrid.cells import (
    BALL,
    DOOR,
    EMPTY,
    GOAL_KIND,
    KEY,
    KIND,
    LAVA,
    LAVA_KIND,
    STATE,
    WALL_KIND,
)
from segue.worlds.array.minigrid.level import Layout
from segue.worlds.array.minigrid.view import AHEAD
from segue.worlds.seeds import LaneStreams
from tests.worlds.array.minigrid.package import package_cells, package_env

FEW_LAYOUTS = (
    "MiniGrid-Empty-Random-5x5-v0",
    "MiniGrid-DoorKey-5x5-v0",
    "MiniGrid-LavaCrossingS9N1-v0",
)
SMALL = (
    *FEW_LAYOUTS,
    "MiniGrid-SimpleCrossingS9N3-v0",
    "MiniGrid-KeyCorridorS3R2-v0",
    "MiniGrid-MultiRoom-N2-S4-v0",
)


def ours(world_id: str, count: int, seed: int = 0) -> Layout:
    """`count` layouts of the engine, one from each of as many lanes."""
    level = level_of(world_id)
    assert level is not None
    return level.draw(LaneStreams(lane_seeds(seed, "train", count)), np.arange(count))


def theirs(world_id: str, count: int) -> Layout:
    """`count` layouts of the package."""
    env = package_env(world_id)
    cells = []
    agents = []
    for seed in range(count):
        env.reset(seed=seed)
        cells.append(package_cells(env))
        agents.append((*env.agent_pos, env.agent_dir))
    return Layout(np.array(cells), *np.array(agents, np.int64).T)


def assert_as_often(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> None:
    """Assert that events, [n, events], are as frequent in both samples.

    The difference must be within five standard errors.
    """
    p = one.mean(axis=0)
    q = other.mean(axis=0)
    count = len(one)
    pooled = (p + q) / 2
    error = np.sqrt(2 * pooled * (1 - pooled) / count)
    far = np.abs(p - q) > 5 * error
    assert not far.any(), f"probabilities {p[far]} here are {q[far]} in the package"


def events(layout: Layout, values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return features of each layout, [n, events].

    They are each cell's value, each kind's number, the agent and the cell in front of it.
    """
    flat = layout.cells.reshape(len(layout.cells), -1)
    each_cell = flat[:, :, None] == values
    numbers = np.stack([(KIND[flat] == kind).sum(axis=1) for kind in range(10)], axis=1)
    height, width = layout.cells.shape[1:]
    agent = np.stack([layout.x, layout.y + width, layout.direction + width + height], axis=1)
    ahead_x, ahead_y = AHEAD[layout.direction].T
    front = layout.cells[np.arange(len(flat)), layout.y + ahead_y, layout.x + ahead_x]
    facts = (
        front[:, None] == values,
        each_cell.reshape(len(flat), -1),
        (numbers[:, :, None] == np.arange(flat.shape[1])).reshape(len(flat), -1),
        (agent[:, :, None] == np.arange(width + height + 4)).any(axis=1),
    )
    return np.concatenate(facts, axis=1)


def assert_same_distribution(world_id: str, count: int) -> None:
    drawn = ours(world_id, count)
    expected = theirs(world_id, count)
    values = np.unique(expected.cells)
    assert set(np.unique(drawn.cells)) <= set(values)
    assert_as_often(events(drawn, values), events(expected, values))


@pytest.mark.parametrize("world_id", SMALL)
def test_the_distribution_is_the_packages(world_id: str) -> None:
    assert_same_distribution(world_id, 600)


@pytest.mark.slow
@pytest.mark.parametrize("world_id", [world_id for world_id in IDS if "16x16" not in world_id])
def test_the_distribution_is_the_packages_in_many_grids(world_id: str) -> None:
    assert_same_distribution(world_id, 2_500)


@pytest.mark.parametrize("world_id", FEW_LAYOUTS)
def test_where_layouts_are_few_they_are_all_drawn(world_id: str) -> None:
    def distinct(layout: Layout) -> set[tuple[bytes, int, int, int]]:
        agents = zip(*(each.tolist() for each in layout[1:]), strict=True)
        return {
            (cells.tobytes(), *agent) for cells, agent in zip(layout.cells, agents, strict=True)
        }

    assert distinct(ours(world_id, 2_000)) == distinct(theirs(world_id, 1_200))


def test_rivers_are_crossed_in_any_order() -> None:
    """Test two vertical rivers and a horizontal one.

    The openings of none, one or both vertical ones lie above the horizontal one.
    """
    inside = ours("MiniGrid-LavaCrossingS9N3-v0", 9_000).cells[:, 1:-1, 1:-1] == LAVA
    vertical = inside.sum(axis=1) >= 5
    horizontal = inside.sum(axis=2) >= 5
    inside = inside[(vertical.sum(axis=1) == 2) & (horizontal.sum(axis=1) == 1)]
    above = np.cumsum(inside.sum(axis=2) >= 5, axis=1) == 0
    rivers = inside.sum(axis=1, keepdims=True) >= 5
    openings = (rivers & ~inside & above[:, :, None]).sum(axis=(1, 2))
    np.testing.assert_allclose(np.bincount(openings, minlength=3) / len(inside), 1 / 3, atol=0.04)


def reachable(
    cells: NDArray[np.uint8], x: int, y: int, walls: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Where an agent at (x, y) can get, whatever stands in the way but `walls`."""
    passable = ~np.isin(KIND[cells], walls)
    reached = np.zeros_like(passable)
    reached[y, x] = True
    for _ in range(cells.size):
        wider = reached.copy()
        wider[1:] |= reached[:-1]
        wider[:-1] |= reached[1:]
        wider[:, 1:] |= reached[:, :-1]
        wider[:, :-1] |= reached[:, 1:]
        wider &= passable
        if (wider == reached).all():
            break
        reached = wider
    return reached


@pytest.mark.parametrize(
    "world_id", [*IDS, "MiniGrid-LavaCrossingS25N10-v0", "MiniGrid-KeyCorridorS4R5-v0"]
)
def test_every_grid_can_be_solved(world_id: str) -> None:
    layout = ours(world_id, 40, seed=1)
    for cells, x, y in zip(*layout[:3], strict=True):
        kinds = KIND[cells]
        assert cells[y, x] == EMPTY
        reached = reachable(cells, x, y, (WALL_KIND, LAVA_KIND))
        wanted = BALL if "KeyCorridor" in world_id else GOAL_KIND
        assert (kinds == wanted).sum() == 1
        assert reached[kinds == wanted].all()
        if (STATE[cells[kinds == DOOR]] == 2).any():
            assert (
                reachable(cells, x, y, (WALL_KIND, DOOR))[kinds == KEY].all()
                or "KeyCorridor" in world_id
            )
            locked = (kinds == DOOR) & (STATE[cells] == 2)
            without = reachable(np.where(locked, 51, cells), x, y, (WALL_KIND,))
            assert without[kinds == KEY].all()
            assert not without[kinds == wanted].any()


def test_the_next_episode_is_another_grid() -> None:
    level = level_of("MiniGrid-MultiRoom-N2-S4-v0")
    assert level is not None
    world = MiniGrid(level, 1, 1)
    world.reset(lane_seeds(0, "train", 1))
    grids = set()
    for _ in range(400):
        grids.add((world.step(np.array([0])), world.state_dict()["cells"].tobytes())[1])
    assert len(grids) == 11


def test_draws_of_a_lane_do_not_depend_on_its_neighbours() -> None:
    for world_id in SMALL:
        level = level_of(world_id)
        seeds = lane_seeds(0, "train", 9)
        assert level is not None
        together = level.draw(LaneStreams(seeds), np.arange(9))
        alone = level.draw(LaneStreams(seeds[4:5]), np.arange(1))
        for mine, yours in zip(together, alone, strict=True):
            np.testing.assert_array_equal(mine[4], yours[0])
