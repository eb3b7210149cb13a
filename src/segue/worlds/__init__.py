"""Worlds: batches of environments that are stepped together, each lane seeded on its own."""

from segue.worlds.adapters.gymnasium import GymnasiumWorld
from segue.worlds.array.cartpole import CartPole
from segue.worlds.array.minigrid import MiniGrid
from segue.worlds.array.poisoned_doors import PoisonedDoors
from segue.worlds.checks import check_world
from segue.worlds.factories import known_worlds
from segue.worlds.registry import (
    WorldSpec,
    make_world,
    world_spec,
    worlds_with_experts,
)
from segue.worlds.seeds import LaneStreams, Use, lane_seeds, stream
from segue.worlds.world import (
    NO_LANES,
    Advice,
    AnyWorld,
    Lanes,
    State,
    Step,
    VectorWorld,
    WorldFactory,
)

__all__ = [
    "NO_LANES",
    "Advice",
    "AnyWorld",
    "CartPole",
    "GymnasiumWorld",
    "LaneStreams",
    "Lanes",
    "MiniGrid",
    "PoisonedDoors",
    "State",
    "Step",
    "Use",
    "VectorWorld",
    "WorldFactory",
    "WorldSpec",
    "check_world",
    "known_worlds",
    "lane_seeds",
    "make_world",
    "stream",
    "world_spec",
    "worlds_with_experts",
]
