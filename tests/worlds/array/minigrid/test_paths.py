"""The expert takes as few actions as there can be, from wherever a learner has brought it."""

from collections import deque

import numpy as np
import pytest
from numpy.typing import NDArray

from segue.worlds import lane_seeds
from segue.worlds.array.minigrid import MiniGrid, level_of
from segue.worlds.array.minigrid.cells import (
    DOOR,
    EMPTY,
    GOAL,
    KEY,
    KIND,
    LOCKED,
    OPEN,
    WALL,
    YELLOW,
    cell,
)
from segue.worlds.array.minigrid.expert import ShortestPath
from segue.worlds.array.minigrid.levels import DoorKey, Empty
from segue.worlds.array.minigrid.rules import (
    ACTION_STRIDE,
    ACTIONS,
    CARRIED,
    CARRIED_STRIDE,
    ENDING,
    FRONT,
    LEFT,
    MOVES,
    NO_END,
    RIGHT,
    SUCCESS,
    outcomes,
)
from segue.worlds.array.minigrid.view import AHEAD, MARGIN
from segue.worlds.world import State

LEVELS = (
    "MiniGrid-Empty-Random-6x6-v0",
    "MiniGrid-DoorKey-5x5-v0",
    "MiniGrid-DoorKey-6x6-v0",
    "MiniGrid-LavaCrossingS9N2-v0",
    "MiniGrid-SimpleCrossingS9N3-v0",
    "MiniGrid-FourRooms-v0",
)
Situation = tuple[
    bytes, int, int, int
]  # cells of the padded grid, index of the agent, direction, what it carries


def fewest_actions(start: Situation, width: int) -> int | None:
    """Return the fewest actions to a success, by a forward breadth-first search over the rules."""
    seen = {start}
    queue = deque([(start, 0)])
    while queue:
        situation, actions = queue.popleft()
        for following, ending in _following(situation, width):
            if ending == SUCCESS:
                return actions + 1
            if ending == NO_END and following not in seen:
                seen.add(following)
                queue.append((following, actions + 1))
    return None


def _following(situation: Situation, width: int) -> list[tuple[Situation, int]]:
    cells, at, direction, carried = situation
    ahead = at + int(AHEAD[direction] @ (1, width))
    result: list[tuple[Situation, int]] = [
        ((cells, at, (direction + turn) % 4, carried), NO_END) for turn in (-1, 1)
    ]
    for action in set(range(ACTIONS)) - {LEFT, RIGHT}:
        row = outcomes(None)[
            action * ACTION_STRIDE + carried * CARRIED_STRIDE + cells[ahead]
        ].tolist()
        after = cells[:ahead] + bytes([row[FRONT]]) + cells[ahead + 1 :]
        result.append(((after, ahead if row[MOVES] else at, direction, row[CARRIED]), row[ENDING]))
    return result


def situations(state: State) -> list[Situation]:
    agents = zip(
        state["at"].tolist(), state["direction"].tolist(), state["carried"].tolist(), strict=True
    )
    return [(cells.tobytes(), *agent) for cells, agent in zip(state["cells"], agents, strict=True)]


def after_random_actions(world_id: str, lanes: int, steps: int) -> MiniGrid:
    """Lanes somewhere in their episodes: keys dropped anywhere, doors open or shut again."""
    level = level_of(world_id)
    assert level is not None
    world = MiniGrid(level, 1, lanes)
    generator = np.random.default_rng(0)
    world.reset(lane_seeds(0, "train", lanes))
    for _ in range(steps):
        follows = generator.random(lanes) < 0.4
        world.step(np.where(follows, world.expert().action, generator.integers(7, size=lanes)))
    return world


def actions_to_success(world: MiniGrid) -> NDArray[np.int64]:
    """How many actions of the expert it takes in each lane; 0 where the episode ends otherwise."""
    taken = np.full(world.lanes, -1)
    for actions in range(1, 100):
        step = world.step(world.expert().action)
        first = step.ended[taken[step.ended] < 0]
        taken[first] = np.where(step.reward[first] > 0, actions, 0)
        if (taken >= 0).all():
            break
    return taken


@pytest.mark.parametrize("world_id", LEVELS)
@pytest.mark.parametrize("steps", [0, 14])
def test_no_way_is_shorter(world_id: str, steps: int) -> None:
    world = after_random_actions(world_id, 12, steps)
    state = world.state_dict()
    expected = [
        fewest_actions(situation, state["cells"].shape[2]) for situation in situations(state)
    ]
    assert actions_to_success(world).tolist() == expected


@pytest.mark.slow
@pytest.mark.parametrize("world_id", LEVELS)
def test_no_way_is_shorter_in_many_grids(world_id: str) -> None:
    for steps in (0, 3, 9, 21):
        world = after_random_actions(world_id, 40, steps)
        state = world.state_dict()
        expected = [
            fewest_actions(situation, state["cells"].shape[2]) for situation in situations(state)
        ]
        assert actions_to_success(world).tolist() == expected


def doorkey(door: int, key_x: int, key_y: int) -> MiniGrid:
    """Return DoorKey-5x5 with the agent at (1, 1) facing right and the door at (2, 1).

    Behind the door is a room one cell wide.
    """
    world = MiniGrid(DoorKey(5), 1, 1)
    state = world.state_dict()
    grid = state["cells"][0, MARGIN:-MARGIN, MARGIN:-MARGIN]
    grid[1:4, 1:4] = EMPTY
    grid[1:4, 2] = WALL
    grid[1, 2] = door
    grid[3, 3] = GOAL
    grid[key_y, key_x] = cell(KEY, YELLOW)
    state["at"][0] = (1 + MARGIN) * state["cells"].shape[2] + 1 + MARGIN
    world.load_state_dict(state)
    return world


def test_a_key_in_the_way_is_picked_up() -> None:
    world = doorkey(cell(DOOR, YELLOW, OPEN), 3, 1)
    assert actions_to_success(world) == [6]  # forward, pick up, forward, right, forward, forward


def test_a_key_that_cannot_be_reached_leaves_nothing_to_advise() -> None:
    world = doorkey(cell(DOOR, YELLOW, LOCKED), 3, 1)
    assert world.expert().available.tolist() == [False]


def test_a_door_that_is_shut_and_not_locked_needs_no_key() -> None:
    world = doorkey(cell(DOOR, YELLOW, LOCKED - 1), 1, 3)
    assert actions_to_success(world) == [6]  # toggle, forward, forward, right, forward, forward


def test_a_goal_behind_walls_leaves_nothing_to_advise() -> None:
    world = MiniGrid(Empty(6), 1, 2)
    world.reset(lane_seeds(0, "train", 2))
    state = world.state_dict()
    state["cells"][1, MARGIN + 3, MARGIN + 1 : MARGIN + 5] = WALL
    world.load_state_dict(state)
    assert world.expert().available.tolist() == [True, False]


@pytest.mark.parametrize("world_id", ["MiniGrid-SimpleCrossingS9N2-v0", "MiniGrid-DoorKey-5x5-v0"])
def test_near_is_counted_in_actions(world_id: str) -> None:
    world = after_random_actions(world_id, 30, 7)
    state = world.state_dict()
    fewest = np.array(
        [fewest_actions(situation, state["cells"].shape[2]) for situation in situations(state)]
    )
    y, x = np.divmod(state["at"], state["cells"].shape[2])
    place = (y - MARGIN) * world.level.width + x - MARGIN
    for near in (0, 6, 12):
        guide = ShortestPath(world.level, 30, near).guide(
            state["cells"][:, MARGIN:-MARGIN, MARGIN:-MARGIN],
            state["carried"],
            place,
            state["direction"],
        )
        np.testing.assert_array_equal(guide.near, fewest <= near)


def test_a_corrupted_expert_acts_at_random_near_the_goal_only() -> None:
    level = Empty(8)
    lanes = 7_000
    plain = MiniGrid(level, 1, lanes)
    corrupted = MiniGrid(level, 1, lanes, corrupt_within=5)
    for world in (plain, corrupted):
        world.reset(lane_seeds(0, "train", lanes))
    shortest = 11  # ten steps and a turn
    for taken in range(shortest):
        advice = plain.expert().action
        (unsure, _, policy) = corrupted.expert()
        assert policy is not None
        if shortest - taken > 5:
            np.testing.assert_array_equal(advice, unsure)
            np.testing.assert_array_equal(policy, np.eye(7)[advice])
        else:
            np.testing.assert_allclose(np.bincount(unsure, minlength=7) / lanes, 1 / 7, atol=0.02)
            np.testing.assert_allclose(policy, 1 / 7)
        for world in (plain, corrupted):
            world.step(advice)


def test_levels_without_an_expert_say_so() -> None:
    for world_id in ("MiniGrid-MultiRoom-N2-S4-v0", "MiniGrid-KeyCorridorS3R1-v0"):
        level = level_of(world_id)
        assert level is not None and not level.has_expert
        with pytest.raises(ValueError, match="MiniGrid has no expert: choose a world with one"):
            MiniGrid(level, 1, 1).expert()


def test_an_expert_is_made_only_when_it_is_consulted() -> None:
    world = MiniGrid(Empty(5), 1, 1)
    world.reset(lane_seeds(0, "train", 1))
    assert world._expert is None
    assert KIND[world.state_dict()["carried"]].tolist() == [1]
