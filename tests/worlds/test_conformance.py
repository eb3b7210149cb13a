"""Every world of the package, and every probe, goes through the one suite."""

import pytest

from segue.plan.world import World
from tests.worlds.conformance import WorldConformance, short
from tests.worlds.probes import PROBES

FEW = (
    "CartPole-v1",
    "PoisonedDoors-v0",
    short("MiniGrid-DoorKey-5x5-v0"),
    short("Pendulum-v1"),
    "FrozenLake-v1",
)
MORE = (
    "gym/CartPole-v1",
    short("Acrobot-v1"),
    short("MiniGrid-Empty-Random-5x5-v0"),
    short("MiniGrid-FourRooms-v0"),
    short("MiniGrid-MultiRoom-N2-S4-v0"),
    short("MiniGrid-KeyCorridorS3R2-v0"),
    short("MiniGrid-LavaCrossingS9N2-v0", kwargs={"corrupt_within": 4}),
)


def name_of(world: str | World) -> str:
    return world if isinstance(world, str) else str(world.id)


@pytest.mark.parametrize("world", FEW, ids=name_of)
class TestWorlds(WorldConformance):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("world", MORE, ids=name_of)
class TestMoreWorlds(WorldConformance):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("world", PROBES, ids=lambda probe: probe.__name__)
class TestProbes(WorldConformance):
    pass
