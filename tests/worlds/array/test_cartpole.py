"""The array program against Gymnasium's CartPole-v1, step by step, and its own corners."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from segue.worlds import NO_LANES, CartPole, lane_seeds

Policy = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.int64]]


def randomly(observation: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.int64]:
    return generator.integers(2, size=len(observation))


def balancing(
    observation: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Push under the falling pole: survives 500 steps."""
    return (observation @ np.array([0.1, 0.2, 1.0, 0.6], np.float32) > 0).astype(np.int64)


def drifting(observation: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.int64]:
    """Balance while running out of the track: the cart's limit ends it, not the pole's."""
    return (observation @ np.array([0.0, 0.0, 1.0, 0.25], np.float32) > 0.08).astype(np.int64)


def bare_cartpole(state: NDArray[np.float64], steps: int = 0) -> gymnasium.Env[Any, Any]:
    """Gymnasium's CartPole-v1 in this state of cart and pole, `steps` into its episode."""
    env = gymnasium.make("CartPole-v1", disable_env_checker=True)
    env.reset(seed=0)
    env.unwrapped.state = state.copy()
    env._elapsed_steps = steps
    return env


@pytest.mark.parametrize("policy", [randomly, balancing, drifting])
def test_equals_gymnasium_step_by_step(policy: Policy) -> None:
    lanes = 4
    steps = 2500
    world = CartPole(2, 2)
    generator = np.random.default_rng(0)
    observation = world.reset(lane_seeds(0, "train", lanes)).copy()
    bare = [bare_cartpole(world.state_dict()["state"][:, lane]) for lane in range(lanes)]
    ends = {"terminated": 0, "truncated": 0}
    for _ in range(steps):
        actions = policy(observation, generator)
        step = world.step(actions)
        finals = dict(zip(step.ended.tolist(), step.final_observation, strict=True))
        for lane, env in enumerate(bare):
            expected, reward, terminated, truncated, _ = env.step(actions[lane])
            np.testing.assert_array_equal(finals.get(lane, step.observation[lane]), expected)
            assert (step.reward[lane], step.terminated[lane], step.truncated[lane]) == (
                reward,
                terminated,
                truncated,
            )
            assert (lane in finals) == (terminated or truncated)
            ends["terminated"] += terminated
            ends["truncated"] += truncated
            if lane in finals:
                bare[lane] = bare_cartpole(world.state_dict()["state"][:, lane])
        observation = step.observation.copy()
    assert ends["truncated" if policy is balancing else "terminated"] >= 8


def test_equals_gymnasium_from_any_state_in_any_lane() -> None:
    lanes = 131
    generator = np.random.default_rng(1)
    state = generator.uniform(-1, 1, (4, lanes)) * np.array([2.5, 4, 0.25, 4])[:, None]
    episode_steps = generator.integers(490, 500, lanes)
    actions = generator.integers(2, size=lanes)
    world = CartPole(1, lanes)
    world.load_state_dict(
        {"state": state, "steps": episode_steps, "streams": world.state_dict()["streams"]}
    )
    step = world.step(actions)
    after = step.observation.copy()
    after[step.ended] = step.final_observation
    for lane in range(lanes):
        env = bare_cartpole(state[:, lane], int(episode_steps[lane]))
        expected, reward, terminated, truncated, _ = env.step(actions[lane])
        np.testing.assert_array_equal(after[lane], expected)
        assert (step.reward[lane], step.terminated[lane], step.truncated[lane]) == (
            reward,
            terminated,
            truncated,
        )
    assert (step.terminated & step.truncated).any(), "both at once is one of the cases"
    assert (step.terminated & ~step.truncated).any()
    assert (~step.terminated & step.truncated).any()


def test_the_step_limit_goes_along_when_lanes_are_selected_or_resumed() -> None:
    world = CartPole(1, 3)
    generator = np.random.default_rng(0)
    observation = world.reset(lane_seeds(0, "train", 3))
    for _ in range(300):
        observation = world.step(balancing(observation, generator)).observation
    resumed = CartPole(1, 2)
    kept = world.select(np.array([2, 0]))
    resumed.load_state_dict(kept.state_dict())
    observation = observation[[2, 0]]
    for t in range(300, 500):
        actions = balancing(observation, generator)
        steps = [each.step(actions) for each in (kept, resumed)]
        observation = steps[0].observation
        assert [step.truncated.tolist() for step in steps] == [[t == 499] * 2] * 2


def test_spaces_are_gymnasiums() -> None:
    env = gymnasium.make("CartPole-v1")
    world = CartPole(1, 1)
    assert world.single_observation_space == env.observation_space
    assert world.single_action_space == env.action_space


def test_episodes_start_uniformly_within_five_hundredths() -> None:
    start = CartPole(1, 20_000).reset(lane_seeds(0, "train", 20_000))
    assert np.abs(start).max() <= 0.05
    np.testing.assert_allclose(start.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(start.std(axis=0), 0.1 / np.sqrt(12), rtol=0.02)


def test_the_next_episode_starts_elsewhere() -> None:
    world = CartPole(1, 1)
    starts = [world.reset(lane_seeds(0, "train", 1))[0].tolist()]
    for _ in range(200):
        step = world.step(np.zeros(1, np.int64))
        if step.ended.size:
            starts.append(step.observation[0].tolist())
    assert len({tuple(start) for start in starts}) == len(starts) > 10


def test_nothing_is_made_when_no_episode_ends() -> None:
    world = CartPole(1, 8)
    world.reset(lane_seeds(0, "train", 8))
    first, second = (world.step(np.ones(8, np.int64)) for _ in range(2))
    assert first.ended is NO_LANES
    assert first.observation is second.observation
    assert first.final_observation.shape == (0, 4)
