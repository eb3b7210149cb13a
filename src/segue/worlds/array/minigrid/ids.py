"""MiniGrid's ids, and the ids of other sizes by the same pattern."""

import re
from collections.abc import Callable

from segue.worlds.array.minigrid.level import Level
from segue.worlds.array.minigrid.levels import (
    DoorKey,
    Empty,
    FourRooms,
    KeyCorridor,
    LavaCrossing,
    MultiRoom,
    SimpleCrossing,
)

_NAMED: dict[str, Level] = {
    "MiniGrid-FourRooms-v0": FourRooms(),
    "MiniGrid-MultiRoom-N2-S4-v0": MultiRoom(rooms=2, largest=4),
    # Six rooms, not four: an error of MiniGrid's that v1 corrects.
    "MiniGrid-MultiRoom-N4-S5-v0": MultiRoom(rooms=6, largest=5),
    "MiniGrid-MultiRoom-N4-S5-v1": MultiRoom(rooms=4, largest=5),
    "MiniGrid-MultiRoom-N6-v0": MultiRoom(rooms=6),
}
_PATTERNS: dict[str, Callable[..., Level]] = {
    r"MiniGrid-Empty-(?P<size>\d+)x(?P=size)-v0": lambda size: Empty(size),
    r"MiniGrid-Empty-Random-(?P<size>\d+)x(?P=size)-v0": lambda size: Empty(
        size, random_start=True
    ),
    r"MiniGrid-DoorKey-(?P<size>\d+)x(?P=size)-v0": DoorKey,
    r"MiniGrid-LavaCrossingS(?P<size>\d+)N(?P<crossings>\d+)-v0": LavaCrossing,
    r"MiniGrid-SimpleCrossingS(?P<size>\d+)N(?P<crossings>\d+)-v0": SimpleCrossing,
    r"MiniGrid-KeyCorridorS(?P<room_size>\d+)R(?P<rows>\d+)-v0": KeyCorridor,
}

IDS = (
    *_NAMED,
    *(f"MiniGrid-Empty-{size}x{size}-v0" for size in (5, 6, 8, 16)),
    *(f"MiniGrid-Empty-Random-{size}x{size}-v0" for size in (5, 6)),
    *(f"MiniGrid-DoorKey-{size}x{size}-v0" for size in (5, 6, 8, 16)),
    *(
        f"MiniGrid-{kind}Crossing{size}-v0"
        for kind in ("Lava", "Simple")
        for size in ("S9N1", "S9N2", "S9N3", "S11N5")
    ),
    *(
        f"MiniGrid-KeyCorridor{size}-v0"
        for size in ("S3R1", "S3R2", "S3R3", "S4R3", "S5R3", "S6R3")
    ),
)
"""MiniGrid's own ids; `level_of` also supports other sizes."""


def level_of(world_id: str) -> Level | None:
    """Return the level with this id; None where the engine has none.

    Raises ValueError for an id whose sizes cannot be drawn.

    >>> level_of("MiniGrid-LavaCrossingS25N10-v0")
    LavaCrossing(size=25, crossings=10)
    """
    if world_id in _NAMED:
        return _NAMED[world_id]
    for pattern, make in _PATTERNS.items():
        if match := re.fullmatch(pattern, world_id):
            return make(**{name: int(number) for name, number in match.groupdict().items()})
    return None
