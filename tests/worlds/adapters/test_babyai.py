"""BabyAI through the `minigrid` package: images, missions, and the bot as the expert."""

import gymnasium
import numpy as np
import pytest

from segue.worlds import lane_seeds, make_world, world_spec, worlds_with_experts
from segue.worlds.adapters.babyai import BabyAI
from segue.worlds.adapters.missions import SHORT, word_numbers
from segue.worlds.adapters.spaces import fields
from tests.worlds.conformance import WorldConformance, short
from tests.worlds.expert_conformance import ExpertConformance

pytest.importorskip("minigrid", reason="the extra segue[minigrid] is not installed")

TOGGLE = 5


@pytest.mark.slow
@pytest.mark.parametrize("world", [short("BabyAI-GoToObjS4-v0")], ids=["BabyAI-GoToObjS4-v0"])
class TestBabyAI(WorldConformance, ExpertConformance):
    pass


def test_it_shows_images_and_missions() -> None:
    world = make_world("BabyAI-PickupLoc-v0", 1, 3)
    assert isinstance(world, BabyAI)
    first = world.reset(lane_seeds(0, "train", 3))
    direction, image, mission = fields(world.single_observation_space)
    assert [field.name for field in (direction, image, mission)] == [
        "direction",
        "image",
        "mission",
    ]
    assert (first.shape, first.dtype) == ((3, 1 + 147 + SHORT), np.uint8)
    assert all(mission.startswith("pick up ") for mission in world.missions)
    env = gymnasium.make("BabyAI-PickupLoc-v0")
    observation, _ = env.reset(seed=int(world._episode_seeds[1]))
    assert first[1, 0] == observation["direction"]
    np.testing.assert_array_equal(
        first[1, image.start : image.stop].reshape(7, 7, 3), observation["image"]
    )
    np.testing.assert_array_equal(
        first[1, mission.start :], word_numbers(observation["mission"], SHORT)
    )
    assert world.missions[1] == observation["mission"]


@pytest.mark.parametrize("env_id", ["BabyAI-GoToObj-v0", "BabyAI-PutNextLocal-v0"])
def test_the_bot_solves_every_episode(env_id: str) -> None:
    world = make_world(env_id, 2, 2)
    ended = 0
    world.reset(lane_seeds(0, "train", 4))
    for _ in range(50):
        advice = world.expert()
        assert advice.available.all()
        step = world.step(advice.action)
        assert step.info["success"].all()
        ended += step.ended.size
    assert ended >= 4


def test_a_bot_that_was_consulted_late_continues_after_a_resumption() -> None:
    world, resumed = (make_world("BabyAI-GoTo-v0", 1, 2) for _ in range(2))
    world.reset(lane_seeds(0, "train", 2))
    generator = np.random.default_rng(0)
    for t in range(9):
        if t > 3:
            world.expert()
        world.step(generator.integers(3, size=2))
    resumed.load_state_dict(world.state_dict())
    assert resumed.state_dict()["asked_at"].tolist() == [4, 4]
    for _ in range(20):
        advice = world.expert()
        again = resumed.expert()
        np.testing.assert_array_equal(advice[:2], again[:2])
        world.step(advice.action), resumed.step(again.action)


def test_a_bot_gives_up_until_the_episode_ends_where_its_plan_is_broken() -> None:
    world = make_world("BabyAI-GoToLocal-v0", 1, 32)
    world.reset(lane_seeds(0, "train", 32))
    generator = np.random.default_rng(0)
    gave_up = np.zeros(32, np.bool_)
    for _ in range(60):
        advice = world.expert()
        assert not (gave_up & advice.available).any()
        gave_up = ~advice.available
        step = world.step(
            np.where(generator.random(32) < 0.5, TOGGLE, advice.action)
        )  # toggling opens boxes
        gave_up[step.ended] = False
    assert gave_up.any()


def test_other_levels_of_the_package_have_no_expert() -> None:
    spec = world_spec("MiniGrid-Fetch-5x5-N2-v0")
    assert (spec.has_expert, spec.metrics) == (False, ("success",))
    assert "BabyAI-GoToObj-v0" in worlds_with_experts()
    with pytest.raises(ValueError, match="BabyAI has no expert: choose a world with one"):
        make_world("gym/MiniGrid-DoorKey-5x5-v0", 1, 1).expert()


@pytest.mark.parametrize(
    "env_id", ["BabyAI-KeyInBox-v0", "BabyAI-PutNextS5N2Carrying-v0", "BabyAI-UnlockToUnlock-v0"]
)
def test_a_level_that_the_bot_cannot_solve_has_no_expert(env_id: str) -> None:
    assert not world_spec(env_id).has_expert
    assert env_id not in worlds_with_experts()


def test_a_bot_that_would_plan_without_end_gives_up() -> None:
    world = make_world("BabyAI-UnlockToUnlock-v0", 1, 4)
    world.has_expert = True
    world.reset(lane_seeds(0, "train", 4))
    for _ in range(60):
        advice = world.expert()
        world.step(advice.action)
    assert not advice.available.all()
