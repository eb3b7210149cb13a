"""Worlds by name, by value, or by the function that makes them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature

import gymnasium

from segue.base.user_code import user_code
from segue.plan.world import World
from segue.worlds.adapters.babyai import bot_plays
from segue.worlds.adapters.spaces import normalized_space
from segue.worlds.array.minigrid import IDS
from segue.worlds.factories import ARRAY_WORLDS, factory_of
from segue.worlds.frame_stack import FrameStack
from segue.worlds.side_by_side import joins_itself
from segue.worlds.world import AnyWorld, VectorWorld, WorldFactory


@dataclass(frozen=True)
class WorldSpec:
    """The spaces and metrics of a world, as a policy sees them."""

    single_observation_space: gymnasium.Space[object]
    single_action_space: gymnasium.Space[object]
    metrics: tuple[str, ...]
    has_expert: bool
    normalizes_observation: bool = False
    joins: bool = True
    """Whether several such worlds are stepped as one, rather than one after another."""


def worlds_with_experts() -> list[str]:
    """Return the names of the worlds that have an expert."""
    own = [name for name in (*ARRAY_WORLDS, *IDS) if world_spec(name).has_expert]
    return sorted([*own, *filter(bot_plays, gymnasium.registry)])


def as_world(world: AnyWorld) -> World:
    """Return a world as a value: a name or a function without arguments, or the value itself."""
    return world if isinstance(world, World) else World(world)


def make_world(world: AnyWorld, members: int, lanes: int) -> VectorWorld:
    """Make a world of `members * lanes` lanes, by name or by calling `world(members, lanes)`.

    Its observations and rewards are those of the environment: they are normalised where they are
    learned from. Raises ValueError for an unknown name, for a missing package that the world needs,
    for an argument that has no meaning for it, and for a callable that does not return a
    VectorWorld of that many lanes.
    """
    if min(members, lanes) < 1:
        raise ValueError(
            f"A world needs at least 1 member and 1 lane, got {members} members of {lanes} lanes."
        )
    value = as_world(world)
    factory = factory_of(value)
    if isinstance(value.id, str):
        made = factory(members, lanes)
    else:
        _check_signature(value, factory)
        with user_code(f"The world {world_name(world)}"):
            made = factory(members, lanes)
    if not isinstance(made, VectorWorld):
        raise ValueError(
            f"The world {world_name(world)} returned a {type(made).__name__}: let it return a"
            " segue.VectorWorld."
        )
    if made.lanes != members * lanes:
        raise ValueError(
            f"The world {world_name(world)} has {made.lanes} lanes for {members} members of"
            f" {lanes}: let it have {members * lanes}."
        )
    return made if value.frame_stack == 1 else FrameStack(made, value.frame_stack, value.name)


def world_spec(world: AnyWorld) -> WorldSpec:
    """Return the spaces and metrics of a world, by making it once; those of names and values
    are cached.

    Raises ValueError as `make_world` does, and for observations that cannot be normalised.
    """
    return _known_spec(world) if isinstance(world, str | World) else _spec(world)


def spec_of(world: AnyWorld, made: VectorWorld) -> WorldSpec:
    """Return the spaces and metrics of a world that `make_world` has made.

    Raises ValueError for observations that cannot be normalised.
    """
    value = as_world(world)
    observed = made.single_observation_space
    if value.normalize_observation:
        observed = normalized_space(observed, value.clip_observation, value.name)
    return WorldSpec(
        observed,
        made.single_action_space,
        made.metrics,
        made.has_expert,
        value.normalize_observation,
        joins_itself(type(made)),
    )


def world_name(world: AnyWorld) -> str:
    """Return how messages name a world: by its name, or by that of its function."""
    if isinstance(world, World):
        world = world.id
    return repr(world if isinstance(world, str) else getattr(world, "__qualname__", world))


def _check_signature(world: World, factory: WorldFactory) -> None:
    try:
        called = signature(factory)
    except (TypeError, ValueError):  # of a class in C, which has none
        return
    try:
        called.bind(1, 1)
    except TypeError as error:
        raise ValueError(
            f"The world {world_name(world)} takes {called}: let it take (members, lanes), since it"
            " is called with these two numbers."
        ) from error


def _spec(world: AnyWorld) -> WorldSpec:
    made = make_world(world, 1, 1)
    made.close()
    return spec_of(world, made)


_known_spec: Callable[[str | World], WorldSpec] = lru_cache(maxsize=None)(_spec)
