"""Every world of the package, and every probe, goes through the one suite."""

from functools import partial

import pytest

from segue.worlds import MiniGrid
from segue.worlds.array.minigrid.levels import LavaCrossing
from tests.worlds.conformance import WorldConformance
from tests.worlds.probes import PROBES

NAMES = (
    "CartPole-v1",
    "PoisonedDoors-v0",
    "MiniGrid-DoorKey-5x5-v0",
    "gym/CartPole-v1",
    "Acrobot-v1",
    "Pendulum-v1",
    "FrozenLake-v1",
)
LONGER = (
    "MiniGrid-Empty-Random-5x5-v0",
    "MiniGrid-FourRooms-v0",
    "MiniGrid-MultiRoom-N2-S4-v0",
    "MiniGrid-KeyCorridorS3R2-v0",
    partial(MiniGrid, LavaCrossing(size=9, crossings=2), corrupt_within=4),
)


@pytest.mark.parametrize("world", NAMES)
class TestWorlds(WorldConformance):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "world", LONGER, ids=lambda world: world if isinstance(world, str) else "corrupted"
)
class TestMoreWorlds(WorldConformance):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("world", PROBES, ids=lambda probe: probe.__name__)
class TestProbes(WorldConformance):
    pass
