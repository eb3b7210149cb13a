"""The adapter against bare Gymnasium environments, and what it refuses."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from segue.worlds import GymnasiumWorld, LaneStreams, check_world, lane_seeds
from segue.worlds.seeds import environment_seeds, uses_of
from tests.worlds.play import actions_by_seed


class Odd(gymnasium.Env[Any, Any]):
    """Spaces that need conversion: discrete ones that start at 5, float64 boxes, and a metric.

    An episode ends after 3 steps.
    """

    def __init__(
        self, observation_space: Any, action_space: Any, info: dict[str, Any] | None = None
    ) -> None:
        self.observation_space = observation_space
        self.action_space = action_space
        self.info = info or {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.seed = seed
        self.time = 0
        self.taken = []
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.time += 1
        self.taken.append(np.array(action))
        if isinstance(action, np.ndarray):
            action *= 0  # some environments scale the action that they were given in place
        over = self.time == 3
        return self._observe(), 0.5, over, False, self.info if over else {}

    def _observe(self, space: Any = None) -> Any:
        space = space or self.observation_space
        if isinstance(space, Dict):
            return {name: self._observe(entry) for name, entry in space.spaces.items()}
        if isinstance(space, Discrete):
            return 5 + self.time
        return np.full(space.shape, self.time, space.dtype)


class Forgetful(gymnasium.Env[Any, Any]):
    """Not deterministic given seed and actions: it counts its resets."""

    observation_space = Box(0, 99, (1,), np.float32)
    action_space = Discrete(2)
    resets = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self.resets += 1
        return np.array([self.resets], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return np.array([self.resets], np.float32), 0.0, True, False, {}


@pytest.fixture
def register() -> Any:
    """Register an environment for one test."""
    ids: list[str] = []

    def registered(entry_point: Any, **kwargs: Any) -> str:
        ids.append(f"SegueTest{len(ids)}-v0")
        gymnasium.register(ids[-1], entry_point, kwargs=kwargs)
        return ids[-1]

    yield registered
    for env_id in ids:
        del gymnasium.registry[env_id]


def odd(register: Any, observation_space: Any = None, action_space: Any = None, **info: Any) -> str:
    box = Box(-9, 9, (2,), np.float32)
    seen = box if observation_space is None else observation_space
    acted = box if action_space is None else action_space
    return register(Odd, observation_space=seen, action_space=acted, info=info)


@pytest.mark.parametrize(
    ("env_id", "steps"), [("Acrobot-v1", 1100), ("Pendulum-v1", 650), ("MountainCar-v0", 450)]
)
def test_equals_bare_environments_step_by_step(env_id: str, steps: int) -> None:
    seeds = lane_seeds(0, "train", 4)
    world = GymnasiumWorld(env_id, 2, 2)
    streams = LaneStreams(seeds)
    bare = [gymnasium.make(env_id) for _ in seeds]
    first = world.reset(seeds)
    uses = uses_of(seeds)
    drawn = environment_seeds(streams.episode_seeds(np.arange(4)), uses)
    for lane, seed in enumerate(drawn.tolist()):
        np.testing.assert_array_equal(first[lane], bare[lane].reset(seed=seed)[0])
    ends = 0
    for actions in actions_by_seed(world, seeds, steps):
        step = world.step(actions)
        finals = dict(zip(step.ended.tolist(), step.final_observation, strict=True))
        for lane, env in enumerate(bare):
            action = actions[lane]
            if isinstance(env.action_space, Box):
                action = np.clip(action, env.action_space.low, env.action_space.high)
            expected, reward, terminated, truncated, _ = env.step(action)
            np.testing.assert_array_equal(finals.get(lane, step.observation[lane]), expected)
            assert step.reward[lane] == np.float32(reward)
            assert (step.terminated[lane], step.truncated[lane]) == (terminated, truncated)
            if lane in finals:
                ends += 1
                drawn = streams.episode_seeds(np.array([lane]))
                seed = int(environment_seeds(drawn, uses[[lane]])[0])
                np.testing.assert_array_equal(step.observation[lane], env.reset(seed=seed)[0])
    assert ends >= 8


def test_the_time_limit_truncates_and_the_task_terminates() -> None:
    world = GymnasiumWorld("CartPole-v1", 1, 1)
    world.reset(lane_seeds(0, "train", 1))
    fell = next(
        step for step in iter(lambda: world.step(np.ones(1, np.int64)), None) if step.ended.size
    )
    assert (fell.terminated.tolist(), fell.truncated.tolist()) == ([True], [False])
    pendulum = GymnasiumWorld("Pendulum-v1", 1, 1)
    pendulum.reset(lane_seeds(0, "train", 1))
    for _ in range(200):
        cut = pendulum.step(np.zeros((1, 1), np.float32))
    assert (cut.terminated.tolist(), cut.truncated.tolist()) == ([False], [True])


def test_discrete_spaces_count_from_zero(register: Any) -> None:
    world = GymnasiumWorld(odd(register, Discrete(4, start=5), Discrete(3, start=5)), 1, 2)
    assert (world.single_observation_space, world.single_action_space) == (Discrete(4), Discrete(3))
    assert world.reset(lane_seeds(0, "train", 2)).tolist() == [0, 0]
    step = world.step(np.array([0, 2]))
    assert step.observation.tolist() == [1, 1]
    assert step.observation.dtype == np.int64
    assert [env.unwrapped.taken[0].item() for env in world._environments()] == [5, 7]


def test_boxes_of_floats_become_float32_and_actions_are_clipped_to_the_bounds(
    register: Any,
) -> None:
    space = Box(-1, 2, (2, 3), np.float64)
    world = GymnasiumWorld(odd(register, space, space), 1, 1)
    assert world.single_action_space == Box(-1, 2, (6,), np.float32)
    assert world.reset(lane_seeds(0, "train", 1)).dtype == np.float32
    world.step(np.array([[-7, -1, 0, 1, 2, 7]], np.float32))
    taken = world._environments()[0].unwrapped.taken[0]
    assert taken.dtype == np.float64
    assert taken.tolist() == [[-1, -1, 0], [1, 2, 2]]


@pytest.mark.parametrize(
    ("space", "acted", "action", "taken"),
    [
        (
            MultiDiscrete([3, 2], start=[5, -1]),
            MultiDiscrete([3, 2]),
            [2, 0],
            [7, -1],
        ),
        (MultiDiscrete([[3], [2]]), MultiDiscrete([3, 2]), [2, 1], [[2], [1]]),
        (MultiBinary(3), MultiBinary(3), [1, 0, 1], [1, 0, 1]),
        (MultiBinary((2, 2)), MultiBinary(4), [1, 0, 0, 1], [[1, 0], [0, 1]]),
    ],
)
def test_several_choices_reach_the_environment_and_are_replayed(
    register: Any, space: Any, acted: Any, action: Any, taken: Any
) -> None:
    env_id = odd(register, space if isinstance(space, MultiBinary) else None, space)
    check_world(env_id)
    world = GymnasiumWorld(env_id, 1, 2)
    assert world.single_action_space == acted
    world.reset(lane_seeds(0, "train", 2))
    world.step(np.array([action] * 2))
    resumed = GymnasiumWorld(env_id, 1, 2)
    resumed.load_state_dict(world.state_dict())
    for made in (world, resumed):
        received = made._environments()[1].unwrapped.taken[0]
        assert received.tolist() == taken
        assert received.dtype == space.dtype


def test_an_environment_that_writes_into_its_action_is_resumed_all_the_same(register: Any) -> None:
    env_id = odd(register)
    world = GymnasiumWorld(env_id, 1, 1)
    resumed = GymnasiumWorld(env_id, 1, 1)
    world.reset(lane_seeds(0, "train", 1))
    actions = np.array([[[1, 2]], [[3, 4]]], np.float32)
    for row in actions:
        world.step(row)
    np.testing.assert_array_equal(actions, [[[1, 2]], [[3, 4]]])
    resumed.load_state_dict(world.state_dict())
    resumed.load_state_dict(resumed.state_dict())
    np.testing.assert_array_equal(resumed._environments()[0].unwrapped.taken, actions[:, 0])


@pytest.mark.parametrize("key", ["success", "is_success"])
def test_metrics_come_from_the_last_info(register: Any, key: str) -> None:
    world = GymnasiumWorld(
        odd(register, **{key: True}, length=7.5), 2, 1, metrics=("success", "length")
    )
    world.reset(lane_seeds(0, "train", 2))
    actions = np.zeros((2, 2), np.float32)
    assert {name: values.tolist() for name, values in world.step(actions).info.items()} == {
        "success": [],
        "length": [],
    }
    world.step(actions)
    step = world.step(actions)
    assert {name: values.tolist() for name, values in step.info.items()} == {
        "success": [1, 1],
        "length": [7.5, 7.5],
    }
    assert GymnasiumWorld("Acrobot-v1", 1, 1).metrics == ()


class Scored(Odd):
    """Reports its number in the order in which environments were made, in a type of its own."""

    def __init__(self, draw: Callable[[], Any]) -> None:
        box = Box(-9, 9, (2,), np.float32)
        super().__init__(box, box, {"score": draw(), "_note": object(), "parts": {"a": 1}})


def test_lanes_report_a_metric_in_different_types(register: Any) -> None:
    scores = iter([1, 0.5, True, np.float64(0.25), np.array([2])])
    env_id = register(Scored, draw=lambda: next(scores))
    world = GymnasiumWorld(env_id, 1, 5, metrics=("score",))
    world.reset(lane_seeds(0, "train", 5))
    actions = np.zeros((5, 2), np.float32)
    steps = [world.step(actions) for _ in range(3)]
    assert steps[-1].info["score"].tolist() == [1, 0.5, 1, 0.25, 2]


@pytest.mark.parametrize("score", ["high", [1, 2], {}])
def test_a_metric_that_is_not_a_number_is_refused(register: Any, score: Any) -> None:
    world = GymnasiumWorld(odd(register, score=score), 1, 1, metrics=("score",))
    world.reset(lane_seeds(0, "train", 1))
    with pytest.raises(ValueError, match=r"info has .* as 'score': let it be a number"):
        for _ in range(3):
            world.step(np.zeros((1, 2), np.float32))


def test_a_promised_metric_that_never_comes_is_an_error(register: Any) -> None:
    world = GymnasiumWorld(odd(register), 1, 1, metrics=("success",))
    world.reset(lane_seeds(0, "train", 1))
    with pytest.raises(ValueError, match="ended without 'success' in its info"):
        for _ in range(3):
            world.step(np.zeros((1, 2), np.float32))


def test_resuming_an_environment_that_is_not_deterministic_is_refused(register: Any) -> None:
    world = GymnasiumWorld(register(Forgetful), 1, 2)
    world.reset(lane_seeds(0, "train", 2))
    state = world.state_dict()
    with pytest.raises(RuntimeError, match="cannot be restored"):
        world.load_state_dict(state)


@pytest.mark.parametrize(
    ("observation_space", "action_space", "message"),
    [
        (Dict(inner=Dict(image=Box(0, 1))), None, "observes Dict"),
        (Tuple([Discrete(2)]), None, "observes Tuple"),
        (None, Tuple([Discrete(2)]), "acts in Tuple"),
        (None, Box(0, 9, (1,), np.int64), "acts in Box"),
    ],
)
def test_spaces_that_no_policy_can_use_are_refused(
    register: Any, observation_space: Any, action_space: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_world(odd(register, observation_space, action_space))


def test_a_dictionary_is_observed_as_one_row_of_numbers(register: Any) -> None:
    box = Box(-9, 9, (2,), np.float32)
    entries = Dict(b=box, a=Discrete(8, start=5), c=MultiDiscrete([9, 9], start=[1, 2]))
    world = GymnasiumWorld(odd(register, entries), 2, 2)
    assert isinstance(world.single_observation_space, Dict)
    assert world.single_observation_space["a"] == Discrete(8)
    world.reset(lane_seeds(0, "train", 4))
    step = world.step(np.zeros((4, 2), np.float32))
    assert step.observation.dtype == np.float32
    assert step.observation.tolist() == [[1, 1, 1, 0, -1]] * 4
    kept = world.select(np.array([2, 0]))
    assert kept.step(np.zeros((2, 2), np.float32)).observation.tolist() == [[2, 2, 2, 1, 0]] * 2


def test_environments_are_closed_by_the_world_that_holds_them(
    register: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    monkeypatch.setattr(Odd, "close", lambda env: closed.append(id(env)))
    world = GymnasiumWorld(odd(register), 2, 2)
    world.reset(lane_seeds(0, "train", 4))
    ids = [id(env.unwrapped) for env in world._environments()]
    kept = world.select(np.array([3, 1]))
    world.close()
    del world
    assert closed == [ids[0], ids[2]]
    kept.close()
    assert sorted(closed) == sorted(ids)
