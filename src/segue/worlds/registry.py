"""Worlds by name: the array programs of this package, then Gymnasium's registered environments."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from inspect import signature

import gymnasium

from segue.base.suggestions import suggestion
from segue.base.user_code import user_code
from segue.worlds.adapters.babyai import BabyAI, bot_plays
from segue.worlds.adapters.envpool import PREFIX, EnvPoolWorld
from segue.worlds.adapters.gymnasium import GymnasiumWorld
from segue.worlds.array.cartpole import CartPole
from segue.worlds.array.minigrid import IDS, MiniGrid, level_of
from segue.worlds.array.poisoned_doors import PoisonedDoors
from segue.worlds.world import World, WorldFactory

ARRAY_WORLDS: dict[str, WorldFactory] = {"CartPole-v1": CartPole, "PoisonedDoors-v0": PoisonedDoors}
GYMNASIUM = "gym/"
MINIGRID = ("MiniGrid-", "BabyAI-")


@dataclass(frozen=True)
class WorldSpec:
    """The spaces and metrics of a world, known before one is made for training."""

    single_observation_space: gymnasium.Space[object]
    single_action_space: gymnasium.Space[object]
    metrics: tuple[str, ...]
    has_expert: bool


def known_worlds() -> list[str]:
    """Return all names of worlds; "gym/<id>" means Gymnasium's, "envpool/<id>" EnvPool's."""
    return sorted({*ARRAY_WORLDS, *IDS, *gymnasium.registry})


def worlds_with_experts() -> list[str]:
    """Return the names of the worlds that have an expert."""
    own = [name for name in (*ARRAY_WORLDS, *IDS) if world_spec(name).has_expert]
    return sorted([*own, *filter(bot_plays, gymnasium.registry)])


def make_world(world: str | WorldFactory, members: int, lanes: int) -> World:
    """Make a world of `members * lanes` lanes, by name or by calling `world(members, lanes)`.

    Raises ValueError for an unknown name, for a missing package that the world needs, and for a
    callable that does not return a World of that many lanes.
    """
    if min(members, lanes) < 1:
        raise ValueError(
            f"A world needs at least 1 member and 1 lane, got {members} members of {lanes} lanes."
        )
    factory = _factory(world)
    if isinstance(world, str):
        made = factory(members, lanes)
    else:
        _check_signature(world)
        with user_code(f"The world {world_name(world)}"):
            made = factory(members, lanes)
    if not isinstance(made, World):
        raise ValueError(
            f"The world {world_name(world)} returned a {type(made).__name__}: let it return a"
            " segue.worlds.World."
        )
    if made.lanes != members * lanes:
        raise ValueError(
            f"The world {world_name(world)} has {made.lanes} lanes for {members} members of"
            f" {lanes}: let it have {members * lanes}."
        )
    return made


def world_spec(world: str | WorldFactory) -> WorldSpec:
    """Return the spaces and metrics of a world, by making it once; those of names are cached.

    Raises ValueError as `make_world` does.
    """
    return _named_spec(world) if isinstance(world, str) else _spec(world)


def world_name(world: str | WorldFactory) -> str:
    """Return how messages name a world: by its name, or by that of its function."""
    return repr(world if isinstance(world, str) else getattr(world, "__qualname__", world))


def _check_signature(world: WorldFactory) -> None:
    try:
        called = signature(world)
    except (TypeError, ValueError):  # of a class in C, which has none
        return
    try:
        called.bind(1, 1)
    except TypeError as error:
        raise ValueError(
            f"The world {world_name(world)} takes {called}: let it take (members, lanes), since it"
            " is called with these two numbers."
        ) from error


def _spec(world: str | WorldFactory) -> WorldSpec:
    made = make_world(world, 1, 1)
    made.close()
    return WorldSpec(
        made.single_observation_space, made.single_action_space, made.metrics, made.has_expert
    )


_named_spec: Callable[[str], WorldSpec] = lru_cache(maxsize=None)(_spec)


def _factory(world: str | WorldFactory) -> WorldFactory:
    if not isinstance(world, str):
        return world
    if world in ARRAY_WORLDS:
        return ARRAY_WORLDS[world]
    if level := level_of(world):
        return partial(MiniGrid, level)
    if world.startswith(PREFIX):
        return partial(EnvPoolWorld, world.removeprefix(PREFIX))
    env_id = _gymnasium_id(world)
    return partial(BabyAI if env_id.startswith(MINIGRID) else GymnasiumWorld, env_id)


def _gymnasium_id(world: str) -> str:
    """Return Gymnasium's id of `world`, after importing the module of a "module:id"."""
    module, _, name = world.removeprefix(GYMNASIUM).rpartition(":")
    if not module and name.startswith(MINIGRID):
        module = "minigrid"
    if module:
        _import_registrations(world, module)
    if name not in gymnasium.registry:
        raise ValueError(f"There is no world {world!r}: {suggestion(name, known_worlds())}")
    return name


def _import_registrations(world: str, module: str) -> None:
    try:
        with user_code(f"The module {module!r}, which registers the world {world!r},"):
            import_module(module)
    except ValueError as refusal:
        cause = refusal.__cause__
        if not isinstance(cause, ModuleNotFoundError) or not _is_inside(module, cause.name):
            raise
        package = "'segue[minigrid]'" if module == "minigrid" else "the package that contains it"
        raise ValueError(
            f"The world {world!r} is registered by the module {module!r}, which cannot be imported:"
            f" install {package}."
        ) from cause


def _is_inside(module: str, missing: str | None) -> bool:
    """Return whether the missing module is the module itself or a package that it is in."""
    return missing is not None and f"{module}.".startswith(f"{missing}.")
