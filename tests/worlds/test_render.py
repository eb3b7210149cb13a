"""Pictures of worlds: of what is there, and without a change of what follows."""

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from segue.worlds import VectorWorld, lane_seeds, make_world

WORLDS = [
    "CartPole-v1",
    "MiniGrid-DoorKey-5x5-v0",
    "gym/CartPole-v1",
    "BabyAI-GoToObj-v0",
    "Pendulum-v1",
]
TILE = 32
GREEN = (60, 160, 60)
RED = (220, 50, 47)
GREY = (110, 110, 110)


def started(name: str, lanes: int = 2) -> VectorWorld:
    world = make_world(name, 1, lanes)
    world.reset(lane_seeds(0, "held-out", lanes))
    return world


def act(world: VectorWorld, generator: np.random.Generator) -> NDArray[np.generic]:
    space = world.single_action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        return generator.integers(space.n, size=world.lanes)
    return generator.normal(size=(world.lanes, *(space.shape or ()))).astype(np.float32)


@pytest.mark.parametrize("name", WORLDS)
def test_drawing_changes_nothing(name: str) -> None:
    looked_at = started(name)
    alone = started(name)
    ours = np.random.default_rng(0)
    theirs = np.random.default_rng(0)
    for _ in range(30):
        picture = looked_at.render(1)
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        seen = looked_at.step(act(looked_at, ours))
        expected = alone.step(act(alone, theirs))
        assert np.array_equal(seen.observation, expected.observation)
        assert np.array_equal(seen.reward, expected.reward) and np.array_equal(
            seen.ended, expected.ended
        )
    looked_at.close(), alone.close()


def test_a_pole_that_leans_to_the_right_is_drawn_to_the_right() -> None:
    world = started("CartPole-v1", 1)
    state = world.state_dict()
    columns = []
    for angle in (-0.2, 0.0, 0.2):
        state["state"] = np.array([[0.0], [0.0], [angle], [0.0]])
        world.load_state_dict(state)
        picture = world.render(0)
        wood = np.argwhere((picture == (202, 152, 101)).all(axis=2))
        columns.append(wood[wood[:, 0] < 150][:, 1].mean())  # of the pole's upper part
    assert (
        columns[0] < columns[1] - 10
        and columns[1] == pytest.approx(300, abs=2)
        and columns[2] > columns[1] + 10
    )


def test_a_grid_shows_its_objects_in_their_places() -> None:
    world = started("MiniGrid-Empty-5x5-v0", 1)
    picture = world.render(0)
    assert picture.shape == (5 * TILE, 5 * TILE, 3)
    middle = {
        (x, y): tuple(picture[y * TILE + TILE // 2, x * TILE + TILE // 2].tolist())
        for x in range(5)
        for y in range(5)
    }
    assert (
        middle[3, 3] == GREEN and middle[1, 1] == RED and middle[0, 2] == GREY
    )  # goal, agent, wall
    world.step(np.array([2]))  # forward, to the right
    moved = world.render(0)
    assert tuple(moved[TILE + TILE // 2, 2 * TILE + TILE // 2].tolist()) == RED


def test_an_agent_points_where_it_looks() -> None:
    world = started("MiniGrid-Empty-5x5-v0", 1)
    reds = []
    for _ in range(4):
        tile = world.render(0)[TILE : 2 * TILE, TILE : 2 * TILE]
        reds.append(np.argwhere((tile == RED).all(axis=2)).mean(axis=0) - TILE / 2)  # (down, right)
        world.step(np.array([1]))  # turn right
    right, down, left, up = reds
    assert (
        right[1] < -1 and down[0] < -1 and left[1] > 1 and up[0] > 1
    )  # a triangle is widest at its back


def test_the_camera_shows_what_gymnasium_draws() -> None:
    world = started("gym/CartPole-v1", 1)
    own = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    own.reset(seed=int(world.state_dict()["episode_seeds"][0]))
    for action in (0, 1, 1):
        world.step(np.array([action]))
        own.step(action)
    assert np.array_equal(world.render(0), np.asarray(own.render()))
    world.close(), own.close()


def test_a_world_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        started("PoisonedDoors-v0").render(0)
    with pytest.raises(ValueError, match="EnvPoolWorld cannot be drawn"):
        started("envpool/CartPole-v1").render(0)
