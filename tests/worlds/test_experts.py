"""Every expert goes through the one suite; worlds without one say so."""

import re
from functools import partial

import numpy as np
import pytest

from segue.worlds import CartPole, MiniGrid, lane_seeds, make_world, world_spec, worlds_with_experts
from segue.worlds.array.minigrid.levels import SimpleCrossing
from segue.worlds.world import WITH_EXPERTS
from tests.worlds.expert_conformance import ExpertConformance, GoodExpertConformance
from tests.worlds.probes import ConstantReward

GOOD = (
    "CartPole-v1",
    "PoisonedDoors-v0",
    "MiniGrid-DoorKey-5x5-v0",
    "MiniGrid-LavaCrossingS9N1-v0",
)
CORRUPTED = partial(MiniGrid, SimpleCrossing(size=7, crossings=2), corrupt_within=6)


@pytest.mark.parametrize("world", GOOD)
class TestGoodExperts(GoodExpertConformance):
    pass


@pytest.mark.parametrize("world", [CORRUPTED], ids=["corrupted"])
class TestCorruptedExperts(ExpertConformance):
    pass


def test_the_expert_of_cartpole_balances_from_every_start() -> None:
    world = CartPole(1, 5000)
    world.reset(lane_seeds(0, "held-out", 5000))
    for _ in range(500):
        step = world.step(world.expert().action)
        assert not step.terminated.any()
    assert step.truncated.all()


def test_a_world_without_an_expert_names_those_that_have_one() -> None:
    world = ConstantReward(1, 1)
    assert not world_spec(ConstantReward).has_expert
    with pytest.raises(
        ValueError, match=r"ConstantReward has no expert: .*CartPole-v1, PoisonedDoors-v0"
    ) as refusal:
        world.expert()
    assert "\n" not in str(refusal.value)


def test_the_worlds_with_experts_are_those_that_the_sentence_names() -> None:
    names = [name for name in worlds_with_experts() if not name.startswith("BabyAI-")]
    assert set(GOOD) <= set(names)
    families = {re.sub(r"^MiniGrid-([A-Za-z]+?)(S?\d.*|-.*)$", r"\1", name) for name in names}
    assert all(family in WITH_EXPERTS for family in families)
    for name in names:
        world = make_world(name, 1, 1)
        world.reset(np.zeros(1, np.uint64))
        world.expert()
