"""What stands in a cell, as one byte: its kind, colour and state in mixed radix, by the numbers
that MiniGrid uses.
"""

import numpy as np

UNSEEN, EMPTY_KIND, WALL_KIND, FLOOR, DOOR, KEY, BALL, BOX, GOAL_KIND, LAVA_KIND = range(10)
RED, GREEN, BLUE, PURPLE, YELLOW, GREY = range(6)
OPEN, CLOSED, LOCKED = range(3)

COLOURS = 6
STATES = 3


def cell(kind: int, colour: int = RED, state: int = OPEN) -> int:
    """Return the code of a cell, below 180.

    >>> cell(DOOR, YELLOW, LOCKED)
    86
    """
    return (kind * COLOURS + colour) * STATES + state


EMPTY = cell(EMPTY_KIND)
WALL = cell(WALL_KIND, GREY)
GOAL = cell(GOAL_KIND, GREEN)
LAVA = cell(LAVA_KIND, RED)

_CODES = np.arange(256)
KIND = _CODES // (COLOURS * STATES)
"""[256] the kind of each code."""
COLOUR = _CODES // STATES % COLOURS
"""[256]"""
STATE = _CODES % STATES
"""[256] of a door: open, closed or locked."""

TRIPLES = np.stack([KIND, COLOUR, STATE], axis=1).astype(np.uint8)
"""uint8 [256, 3]: how an image shows each code."""

WALKABLE = np.isin(KIND, (EMPTY_KIND, FLOOR, GOAL_KIND, LAVA_KIND)) | (
    (KIND == DOOR) & (STATE == OPEN)
)
"""[256] whether an agent can stand there."""
TRANSPARENT = (KIND != WALL_KIND) & ~((KIND == DOOR) & (STATE != OPEN))
"""[256] whether an agent can see past it."""
PORTABLE = np.isin(KIND, (KEY, BALL, BOX))
"""[256] whether an agent can pick it up."""
