"""Functions that make worlds: array programs, then EnvPool's and Gymnasium's environments."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

import gymnasium

from segue.base.suggestions import suggestion
from segue.base.user_code import user_code
from segue.plan.world import World
from segue.worlds.adapters.babyai import BabyAI
from segue.worlds.adapters.envpool import PREFIX, EnvPoolWorld
from segue.worlds.adapters.gymnasium import GymnasiumWorld
from segue.worlds.array.cartpole import CartPole
from segue.worlds.array.minigrid import IDS, MiniGrid, level_of
from segue.worlds.array.poisoned_doors import PoisonedDoors
from segue.worlds.world import WorldFactory

ARRAY_WORLDS: dict[str, type[CartPole] | type[PoisonedDoors]] = {
    "CartPole-v1": CartPole,
    "PoisonedDoors-v0": PoisonedDoors,
}
GYMNASIUM = "gym/"
MINIGRID = ("MiniGrid-", "BabyAI-")
_LIMIT = "max_episode_steps"


def known_worlds() -> list[str]:
    """Return all names of worlds; "gym/<id>" means Gymnasium's, "envpool/<id>" EnvPool's."""
    return sorted({*ARRAY_WORLDS, *IDS, *gymnasium.registry})


def factory_of(world: World) -> WorldFactory:
    """Return the function that makes the lanes of a world, without its stack of frames.

    Raises ValueError for an unknown name, for a missing package that the world needs, and for an
    argument that has no meaning for this kind of world.
    """
    name = world.id
    if not isinstance(name, str):
        _refuse(world, "is made by a function", "let the function do that")
        return partial(name, **world.kwargs) if world.kwargs else name
    if name in ARRAY_WORLDS:
        return _array(world, ARRAY_WORLDS[name], ARRAY_WORLDS[name])
    if level := level_of(name):
        return _array(world, MiniGrid, partial(MiniGrid, level))
    if name.startswith(PREFIX):
        _refuse(world, "is EnvPool's", "leave it out", accepts=(_LIMIT,))
        arguments = dict(world.kwargs) | _limit(world)
        return partial(EnvPoolWorld, name.removeprefix(PREFIX), kwargs=arguments)
    env_id = _gymnasium_id(name)
    return partial(
        BabyAI if env_id.startswith(MINIGRID) else GymnasiumWorld,
        env_id,
        metrics=tuple(world.metrics),
        kwargs=world.kwargs,
        wrappers=tuple(world.wrappers),
        max_episode_steps=world.max_episode_steps,
    )


def _array(world: World, program: Any, make: Callable[..., Any]) -> WorldFactory:
    """Return an array program with the arguments of the world, which are its keywords."""
    instead = "leave it out"
    if world.name in gymnasium.registry or world.name.startswith(MINIGRID):
        instead = f"write {GYMNASIUM + world.name!r} for Gymnasium's, which is slower"
    own = set(world.metrics) <= set(program.metrics)
    _refuse(world, "is an array program", instead, accepts=(_LIMIT, *(["metrics"] if own else [])))
    takes = {
        name
        for name, parameter in signature(program).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY and name != _LIMIT
    }
    for name in world.kwargs:
        if name not in takes:
            raise ValueError(
                f"The world {world.name!r} is an array program, which has no argument {name!r}:"
                f" {instead}."
            )
    return partial(make, **world.kwargs, **_limit(world))


def _limit(world: World) -> dict[str, int]:
    limit = world.max_episode_steps
    return {} if limit is None else {_LIMIT: limit}


def _refuse(world: World, kind: str, instead: str, accepts: tuple[str, ...] = ()) -> None:
    """Raise ValueError where wrappers, metrics or a time limit are given that have no effect."""
    for name in ("wrappers", "metrics", _LIMIT):
        if getattr(world, name) and name not in accepts:
            raise ValueError(
                f"The world {world.name!r} {kind}, for which {name} of a World has no effect:"
                f" {instead}."
            )


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
