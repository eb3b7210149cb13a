"""The places: batches of environments, stepped together, each lane seeded on its own."""

from segue.worlds.cartpole import CartPole
from segue.worlds.gym import GymnasiumWorld
from segue.worlds.registry import WorldSpec, check_world, known_worlds, make_world, world_spec
from segue.worlds.seeds import LaneStreams, Use, lane_seeds, stream
from segue.worlds.world import NO_LANES, Lanes, State, Step, World, WorldFactory

__all__ = [
    "NO_LANES",
    "CartPole",
    "GymnasiumWorld",
    "LaneStreams",
    "Lanes",
    "State",
    "Step",
    "Use",
    "World",
    "WorldFactory",
    "WorldSpec",
    "check_world",
    "known_worlds",
    "lane_seeds",
    "make_world",
    "stream",
    "world_spec",
]
