"""Every world of the package, and every probe, goes through the one suite."""

import pytest

from tests.worlds.conformance import WorldConformance
from tests.worlds.probes import PROBES

NAMES = ("CartPole-v1", "gym/CartPole-v1", "Acrobot-v1", "Pendulum-v1", "FrozenLake-v1")


@pytest.mark.parametrize("world", NAMES)
class TestWorlds(WorldConformance):
    pass


@pytest.mark.parametrize("world", PROBES, ids=lambda probe: probe.__name__)
class TestProbes(WorldConformance):
    pass
