"""What the arguments of a World change in the world that is made, and where they are refused."""

from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import NormalizeReward, RescaleObservation, TransformReward

from segue.plan.world import World
from segue.worlds import CartPole, PoisonedDoors, check_world, lane_seeds, make_world, world_spec
from segue.worlds.adapters.gymnasium import GymnasiumWorld
from segue.worlds.frame_stack import FrameStack
from tests.worlds.conformance import WorldConformance
from tests.worlds.play import actions_by_seed, play

SEEDS = lane_seeds(0, "train", 2)
halved = partial(TransformReward, func=lambda reward: reward / 2)
unit = partial(RescaleObservation, min_obs=np.zeros(3, "f4"), max_obs=np.ones(3, "f4"))
WRAPPED = World(
    "Pendulum-v1", kwargs={"g": 5.0}, wrappers=[halved, unit], max_episode_steps=30, frame_stack=3
)


class Counted(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Reports how many steps an episode had."""

    steps = 0

    def reset(self, **keywords: Any) -> Any:
        self.steps = 0
        return self.env.reset(**keywords)

    def step(self, action: Any) -> Any:
        *rest, info = self.env.step(action)
        self.steps += 1
        return (*rest, {**info, "counted": self.steps})


@pytest.mark.parametrize(
    "world",
    [
        WRAPPED,
        World("CartPole-v1", frame_stack=4, max_episode_steps=30),
        World("FrozenLake-v1", metrics=["counted"], wrappers=[Counted]),
        World("MiniGrid-DoorKey-5x5-v0", max_episode_steps=40, kwargs={"corrupt_within": 2}),
    ],
    ids=lambda world: world.id,
)
class TestWorldValues(WorldConformance):
    """Whatever the arguments are, lanes continue bit for bit, and restart from a checkpoint."""


def test_gymnasium_makes_the_environment_with_kwargs_wrappers_and_limit() -> None:
    made = make_world(WRAPPED, 1, 2)
    bare = gymnasium.make("Pendulum-v1", g=5.0)
    first = made.reset(SEEDS).copy()
    space = bare.observation_space
    assert isinstance(made, FrameStack) and isinstance(made.world, GymnasiumWorld)
    assert isinstance(space, Box)
    raw, _ = bare.reset(seed=int(made.world._episode_seeds[0]))
    step = made.step(np.array([[0.5], [0.1]], np.float32))
    observed, reward, *_ = bare.step(np.array([0.5], np.float32))
    assert first.shape == (2, 9) and made.single_observation_space.shape == (9,)
    for seen, wanted in ((first, raw), (step.observation, observed)):
        scaled = (wanted - space.low) / (space.high - space.low)
        np.testing.assert_allclose(seen[0, -3:], scaled, rtol=1e-5, atol=1e-6)
    assert step.reward[0] == np.float32(float(reward) / 2)
    ends = [len(made.step(np.zeros((2, 1), np.float32)).ended) for _ in range(29)]
    assert ends == [0] * 28 + [2]


@pytest.mark.parametrize(
    ("name", "longer"),
    [("CartPole-v1", 700), ("gym/CartPole-v1", 700), ("PoisonedDoors-v0", 120)],
)
def test_the_limit_of_steps_replaces_the_world_s_own(name: str, longer: int) -> None:
    for limit in (7, longer):
        made = make_world(World(name, max_episode_steps=limit), 1, 2)
        made.reset(SEEDS)
        ends = []
        for t in range(1, limit + 1):
            action = made.expert().action if made.has_expert else np.zeros(2, np.int64)
            if name == "PoisonedDoors-v0":
                action = np.zeros(2, np.int64)  # a digit before a door is chosen: nothing happens
            step = made.step(action)
            ends += [t] * (0 in step.ended and not step.terminated[0])
        assert ends in ([limit], []) and (ends or name.startswith("gym"))


def test_array_programs_take_their_keywords() -> None:
    made = make_world(World("PoisonedDoors-v0", kwargs={"code_seed": 3}), 1, 2)
    again = make_world(lambda members, lanes: PoisonedDoors(members, lanes, code_seed=3), 1, 2)
    assert isinstance(made, PoisonedDoors) and isinstance(again, PoisonedDoors)
    assert made._code.tolist() == again._code.tolist()
    assert make_world(World("CartPole-v1"), 1, 2).__class__ is CartPole


def test_a_function_takes_kwargs() -> None:
    def doors(members: int, lanes: int, code: int = 0) -> PoisonedDoors:
        return PoisonedDoors(members, lanes, code_seed=code)

    made = make_world(World(doors, kwargs={"code": 4}), 1, 2)
    assert isinstance(made, PoisonedDoors)
    assert made._code.tolist() == PoisonedDoors(1, 1, code_seed=4)._code.tolist()
    with pytest.raises(ValueError, match="unexpected keyword argument 'cod'"):
        make_world(World(doors, kwargs={"cod": 4}), 1, 2)


def test_metrics_come_from_the_info_of_the_last_step() -> None:
    world = World("FrozenLake-v1", metrics=["counted"], wrappers=[Counted], max_episode_steps=9)
    made = make_world(world, 1, 2)
    made.reset(SEEDS)
    episodes = play(made, actions_by_seed(made, SEEDS, 40))
    assert made.metrics == ("counted",) and world_spec(world).metrics == ("counted",)
    infos = [info for ended in episodes.finals for _, info in ended.values()]
    assert infos and all(0 < info["counted"] <= 9 for info in infos)


def test_minigrid_is_wrapped_as_a_user_of_the_package_expects() -> None:
    wrappers = pytest.importorskip("minigrid.wrappers")
    world = World(
        "gym/MiniGrid-Empty-5x5-v0", wrappers=[wrappers.RGBImgObsWrapper, wrappers.ImgObsWrapper]
    )
    made = make_world(world, 1, 2)
    assert made.metrics == ("success",)
    assert made.single_observation_space == Box(0, 255, (40, 40, 3), np.uint8)
    assert made.reset(SEEDS).shape == (2, 40, 40, 3)


def test_envpool_takes_kwargs_and_a_limit() -> None:
    pytest.importorskip("envpool")
    made = make_world(World("envpool/CartPole-v1", max_episode_steps=4), 1, 2)
    made.reset(SEEDS)
    steps = [made.step(np.array([0, 1])).truncated.all() for _ in range(4)]
    assert steps == [False, False, False, True]
    with pytest.raises(ValueError, match=r"EnvPool cannot make 'CartPole-v1' with .'gravty'"):
        make_world(World("envpool/CartPole-v1", kwargs={"gravty": 1}), 1, 1)


def test_normalised_observations_have_the_space_that_a_policy_sees() -> None:
    spec = world_spec(World("CartPole-v1", normalize_observation=True, clip_observation=5.0))
    assert spec.single_observation_space == Box(-5, 5, (4,), np.float32)
    assert spec.single_action_space == Discrete(2)


@pytest.mark.parametrize(
    ("world", "message"),
    [
        (World("CartPole-v1", wrappers=[Counted]), "array program.*'gym/CartPole-v1'"),
        (World("CartPole-v1", kwargs={"render_mode": None}), "no argument 'render_mode'"),
        (World("CartPole-v1", metrics=["success"]), "metrics of a World has no effect"),
        (World("PoisonedDoors-v0", kwargs={"cod": 1}), "no argument 'cod': leave it out"),
        (World(CartPole, max_episode_steps=5), "made by a function.*max_episode_steps"),
        (World("envpool/CartPole-v1", wrappers=[Counted]), "is EnvPool's.*wrappers"),
        (World("Pendulum-v1", kwargs={"gravity": 1}), "Gymnasium cannot make.*'gravity'"),
        (World("Pendulum-v1", wrappers=[NormalizeReward]), "give the World normalize_reward=True"),
        (World("Pendulum-v1", wrappers=[partial(unit, max_ob=3)]), "The wrapper .* fails"),
        (World("Pendulum-v1", wrappers=[lambda env: None]), "returned None"),
        (World("Pendulum-v1", metrics=["success"], max_episode_steps=2), "without 'success'"),
        (World("FrozenLake-v1", frame_stack=2), r"observes Discrete\(16\), of which there is no"),
        (World("Acrobat-v1"), "no world 'Acrobat-v1'"),
    ],
)
def test_what_a_world_cannot_do_is_refused_in_one_sentence(world: World, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        check_world(world)
    assert "\n" not in str(refusal.value)


def test_a_discrete_observation_is_not_normalised() -> None:
    with pytest.raises(ValueError, match=r"observes Discrete\(16\), which has no mean"):
        world_spec(World("FrozenLake-v1", normalize_observation=True))


def test_pictures_show_the_environment_with_its_arguments() -> None:
    pytest.importorskip("pygame")
    made = make_world(World("MountainCar-v0", max_episode_steps=3, frame_stack=2), 1, 1)
    made.reset(SEEDS[:1])
    assert made.render(0).shape[2] == 3


@pytest.mark.parametrize("shape", [(3,), (5, 4, 2), (2, 6, 5)], ids=str)
def test_frames_are_stacked_as_stable_baselines3_does(shape: tuple[int, ...]) -> None:
    stacks = pytest.importorskip("stable_baselines3.common.vec_env.stacked_observations")
    kind = np.uint8 if len(shape) == 3 else np.float32
    space = Box(0, 255, shape, kind)

    class Pictures(gymnasium.Env[Any, Any]):
        observation_space = space
        action_space = Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            return self._picture(), {}

        def step(self, action: Any) -> Any:
            return self._picture(), 1.0, bool(self.np_random.random() < 0.3), False, {}

        def _picture(self) -> Any:
            return self.np_random.integers(256, size=shape).astype(kind)

    gymnasium.registry.pop("SegueStacked-v0", None)
    gymnasium.register("SegueStacked-v0", Pictures)
    plain = make_world("SegueStacked-v0", 1, 3)
    made = make_world(World("SegueStacked-v0", frame_stack=3), 1, 3)
    theirs = stacks.StackedObservations(3, 3, space)
    seeds = lane_seeds(3, "train", 3)
    np.testing.assert_array_equal(made.reset(seeds), theirs.reset(plain.reset(seeds)))
    ended = 0
    for _ in range(40):
        step = made.step(np.zeros(3, np.int64))
        bare = plain.step(np.zeros(3, np.int64))
        infos: list[dict[str, Any]] = [{} for _ in range(3)]
        for lane, final in zip(bare.ended, bare.final_observation, strict=True):
            infos[lane]["terminal_observation"] = final
        observed, infos = theirs.update(bare.observation, bare.terminated, infos)
        np.testing.assert_array_equal(step.observation, observed)
        for lane, final in zip(step.ended, step.final_observation, strict=True):
            np.testing.assert_array_equal(final, infos[lane]["terminal_observation"])
            ended += 1
    assert ended > 10
    assert made.single_observation_space.shape == theirs.stacked_observation_space.shape


def test_a_selected_world_closes_what_it_holds() -> None:
    made = make_world(World("gym/CartPole-v1", frame_stack=2), 1, 2)
    made.reset(SEEDS)
    part = made.select(np.array([1]))
    assert isinstance(part, FrameStack) and isinstance(part.world, GymnasiumWorld)
    assert part.lanes == 1
    part.close()
    made.close()
