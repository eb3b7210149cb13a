"""The fast view of the `minigrid` package's environments equals the package's own."""

import contextlib

import gymnasium
import numpy as np
import pytest

from segue.worlds.adapters.package_view import speed_up_view

pytest.importorskip("minigrid", reason="the extra segue[minigrid] is not installed")

LEVELS = (
    "BabyAI-GoToObj-v0",
    "BabyAI-UnlockPickup-v0",
    "BabyAI-KeyInBox-v0",
    "BabyAI-BossLevel-v0",
    "BabyAI-PutNextS5N2Carrying-v0",
    "MiniGrid-Fetch-8x8-N3-v0",
    "MiniGrid-ObstructedMaze-2Dlhb-v1",
    "MiniGrid-MemoryS13Random-v0",
    "MiniGrid-Dynamic-Obstacles-8x8-v0",
    "MiniGrid-DistShift1-v0",
)


def assert_same_views(level, steps):
    """Two environments on the same seeds and actions, one of them made faster."""
    plain, fast = (gymnasium.make(level, disable_env_checker=True) for _ in range(2))
    speed_up_view(fast)
    generator = np.random.default_rng(0)
    episode = 0
    over = True
    for _ in range(steps):
        if over:
            with contextlib.redirect_stdout(None):
                one, two = (environment.reset(seed=episode)[0] for environment in (plain, fast))
            episode += 1
        np.testing.assert_array_equal(one["image"], two["image"])
        assert (one["mission"], one["direction"]) == (two["mission"], two["direction"])
        # Fewer turns than chance would have, so that the agent comes around, and more of what
        # changes the grid.
        action = generator.choice(plain.action_space.n, p=weights(plain.action_space.n))
        (one, _, terminated, truncated, _) = plain.step(action)
        (two, *_) = fast.step(action)
        over = terminated or truncated
    assert fast.observation_space["image"].contains(two["image"])


def weights(actions):
    chosen = np.array([1, 1, 3, 2, 1, 2, 0.1])[:actions]
    return chosen / chosen.sum()


@pytest.mark.parametrize("level", LEVELS)
def test_equals_the_package_s_view(level):
    assert_same_views(level, 300)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_equals_the_package_s_view_for_long(level):
    assert_same_views(level, 10_000)


def test_a_view_of_another_size_is_left_to_the_package():
    environment = gymnasium.make(
        "MiniGrid-Empty-5x5-v0", agent_view_size=5, disable_env_checker=True
    )
    speed_up_view(environment)
    assert environment.reset(seed=0)[0]["image"].shape == (5, 5, 3)
