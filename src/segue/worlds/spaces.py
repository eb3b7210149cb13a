"""How a policy sees Gymnasium's spaces: counted from zero, or as float32 vectors."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray


@dataclass(frozen=True)
class Field:
    """Which numbers of an observation are one entry of its space."""

    name: str
    start: int
    stop: int
    space: Space[Any]


def fields(space: Space[Any]) -> tuple[Field, ...]:
    """Temporary."""
    if isinstance(space, gymnasium.spaces.Dict):
        out, at = [], 0
        for name, sub in space.spaces.items():
            size = math.prod(sub.shape or ())
            out.append(Field(name, at, at + size, sub))
            at += size
        return tuple(out)
    return (Field("", 0, math.prod(space.shape or ()), space),)


Convert: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]


def observation_view(space: Space[Any], world: str) -> tuple[Space[Any], Convert]:
    """Return the space that a policy sees and the function that takes a batch [N, ...] of `space` into it.

    Discrete observations count from zero (int64), boxes of any float become float32, other boxes stay as they are
    (images). Raises ValueError for other spaces.
    """
    if isinstance(space, Discrete):
        start = int(space.start)
        return Discrete(int(space.n)), lambda batch: batch - start
    if isinstance(space, Box):
        dtype = np.dtype(np.float32) if space.dtype.kind == "f" else space.dtype
        return _box(space.low, space.high, dtype), lambda batch: batch.astype(dtype)
    raise ValueError(
        f"The world {world!r} observes {space}, which no policy here can read: wrap it so that it observes a Box or a "
        "Discrete space."
    )


def action_view(space: Space[Any], world: str) -> tuple[Space[Any], Convert]:
    """Return the space that a policy acts in and the function that takes its batch of actions into `space`.

    Discrete actions int64 [N] count from zero; continuous ones float32 [N, A] are clipped to the bounds of `space`
    here, so a Gaussian policy needs no bounds of its own. Raises ValueError for other spaces.
    """
    if isinstance(space, Discrete):
        start = int(space.start)
        return Discrete(int(space.n)), lambda actions: actions + start
    if isinstance(space, Box) and space.dtype.kind == "f":
        box = space
        flat = _box(box.low.reshape(-1), box.high.reshape(-1), np.dtype(np.float32))
        return flat, lambda actions: np.clip(actions.astype(box.dtype).reshape(-1, *box.shape), box.low, box.high)
    raise ValueError(
        f"The world {world!r} acts in {space}, which no policy here can drive: wrap it so that it acts in a Discrete "
        "space or a Box of floats."
    )


def _box(low: NDArray[Any], high: NDArray[Any], dtype: np.dtype[Any]) -> Box:
    """Return a box whose bounds were cast beforehand: Gymnasium warns when it has to do so itself."""
    return Box(low.astype(dtype), high.astype(dtype), dtype=dtype.type)
