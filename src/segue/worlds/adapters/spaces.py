"""Gymnasium's spaces as policies observe them: zero-based integers, float32 vectors, and rows."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space
from numpy.typing import NDArray

Convert: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Field:
    """The numbers of an observation that are one entry of its space."""

    name: str
    start: int
    stop: int
    space: Space[object]


def fields(space: Space[object]) -> tuple[Field, ...]:
    """Return the entries of a Dict, one after another in its order.

    An entry has as many numbers as its space has dimensions in all, a Discrete one. Another space
    than a Dict is a single field without a name.
    """
    if not isinstance(space, Dict):
        return (Field("", 0, math.prod(space.shape or ()), space),)
    found: list[Field] = []
    for name, entry in space.spaces.items():
        start = found[-1].stop if found else 0
        found.append(Field(name, start, start + math.prod(entry.shape or ()), entry))
    return tuple(found)


def row_shape(space: Space[object]) -> tuple[int, ...]:
    """Return the shape of one observation: that of its row for a Dict, else the space's own."""
    return (fields(space)[-1].stop,) if isinstance(space, Dict) else space.shape or ()


def row_dtype(space: Space[object]) -> np.dtype[Any]:
    """Return the type of an observation's numbers; for a Dict, the smallest that is exact."""
    kinds = {np.dtype(field.space.dtype) for field in fields(space)}
    if len(kinds) == 1 or not isinstance(space, Dict):
        return kinds.pop()
    if all(_fits_a_byte(field.space) for field in fields(space)):
        return np.dtype(np.uint8)
    is_integer = all(kind.kind in "iu" for kind in kinds)
    return np.dtype(np.int64 if is_integer else np.float32)


def row_space(space: Dict) -> Box:
    """Return the row of a Dict as a box, whose bounds are those of its type."""
    dtype = row_dtype(space)
    if dtype.kind == "f":
        return Box(-np.inf, np.inf, row_shape(space), dtype.type)
    bounds = np.iinfo(dtype)
    return Box(bounds.min, bounds.max, row_shape(space), dtype.type)


def _fits_a_byte(space: Space[object]) -> bool:
    match space:
        case Discrete():
            return bool(space.n <= 256)
        case MultiDiscrete():
            return bool((space.nvec <= 256).all())
        case MultiBinary():
            return True
    return space.dtype == np.uint8


def normalized_space(space: Space[object], most: float, world: str) -> Space[object]:
    """Return the space of normalised observations, whose magnitudes are at most `most`.

    Raises ValueError unless `space` is a Box, or a Dict of boxes.
    """
    if isinstance(space, Dict):
        entries = space.spaces.items()
        return Dict({name: normalized_space(entry, most, world) for name, entry in entries})
    if isinstance(space, Box):
        return Box(-most, most, space.shape, np.float32)
    raise ValueError(
        f"The world {world!r} observes {space}, which has no mean and variance: leave"
        " normalize_observation out, or wrap the environment so that it observes a Box."
    )


def observation_view(space: Space[object], world: str) -> tuple[Space[object], Convert]:
    """Return the space that a policy observes, and a function that converts a batch [N, ...] to it.

    Discrete and MultiDiscrete observations are counted from zero (int64), boxes of floats become
    float32, MultiBinary and other boxes (images) stay as they are. Raises ValueError for other
    spaces; dictionaries have `row_view`.
    """
    if isinstance(space, Discrete):
        start = int(space.start)
        return Discrete(int(space.n)), lambda batch: batch - start
    if isinstance(space, MultiDiscrete) and len(space.shape) == 1:
        first = space.start
        return MultiDiscrete(space.nvec), lambda batch: batch - first
    if isinstance(space, MultiBinary):
        return space, lambda batch: batch
    if isinstance(space, Box):
        dtype = np.dtype(np.float32) if space.dtype.kind == "f" else space.dtype
        return _box(space.low, space.high, dtype), lambda batch: batch.astype(dtype)
    raise ValueError(
        f"The world {world!r} observes {space}, which no policy supports: wrap it so that it"
        " observes a Box, a Discrete, MultiDiscrete or MultiBinary space, or a Dict of these."
    )


def row_view(space: Dict, world: str) -> tuple[Dict, Callable[[Mapping[str, Any]], NDArray[Any]]]:
    """Return the Dict that a policy observes, and a function that makes a row of one observation.

    Raises ValueError for an entry that `observation_view` refuses.
    """
    views = {name: observation_view(entry, world) for name, entry in space.spaces.items()}
    seen = Dict({name: entry for name, (entry, _) in views.items()})
    dtype = row_dtype(seen)

    def row(observation: Mapping[str, Any]) -> NDArray[Any]:
        parts = [
            convert(np.asarray(observation[name])).reshape(-1)
            for name, (_, convert) in views.items()
        ]
        return np.concatenate(parts, dtype=dtype, casting="unsafe")

    return seen, row


def action_view(space: Space[object], world: str) -> tuple[Space[object], Convert]:
    """Return the space in which a policy acts, and a function that converts a batch to `space`.

    Discrete actions int64 [N], and those of MultiDiscrete and MultiBinary spaces, int64 [N, A], are
    counted from zero; continuous ones float32 [N, A] are clipped to
    the bounds of `space` here, so that a Gaussian policy needs no bounds of its own. Raises
    ValueError for other spaces.
    """
    if isinstance(space, Discrete):
        start = int(space.start)
        return Discrete(int(space.n)), lambda actions: actions + start
    if isinstance(space, MultiDiscrete):
        first = space.start
        return MultiDiscrete(
            space.nvec.reshape(-1)
        ), lambda actions: actions.reshape(-1, *first.shape) + first
    if isinstance(space, MultiBinary):
        shape = space.shape
        return MultiBinary(math.prod(shape)), lambda actions: actions.reshape(-1, *shape).astype(
            np.int8
        )
    if isinstance(space, Box) and space.dtype.kind == "f":
        box = space
        flat = _box(box.low.reshape(-1), box.high.reshape(-1), np.dtype(np.float32))
        return flat, lambda actions: np.clip(
            actions.astype(box.dtype).reshape(-1, *box.shape), box.low, box.high
        )
    raise ValueError(
        f"The world {world!r} acts in {space}, which no policy supports: wrap it so that it"
        " acts in a Discrete, MultiDiscrete or MultiBinary space or a Box of floats."
    )


def _box(low: NDArray[Any], high: NDArray[Any], dtype: np.dtype[Any]) -> Box:
    """Return a box with bounds cast beforehand: Gymnasium warns when it casts them itself."""
    return Box(low.astype(dtype), high.astype(dtype), dtype=dtype.type)
