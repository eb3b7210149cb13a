"""The content of a cell as one byte: kind, colour and state, by MiniGrid's numbers."""

import numpy as np

UNSEEN, EMPTY_KIND, WALL_KIND, FLOOR, DOOR, KEY, BALL, BOX, GOAL_KIND, LAVA_KIND = range(10)
RED, GREEN, BLUE, PURPLE, YELLOW, GREY = range(6)
OPEN, CLOSED, LOCKED = range(3)

KINDS = 11  # with the agent, which no view shows
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
"""[256] The kind of each code."""
COLOUR = _CODES // STATES % COLOURS
"""[256] The colour of each code."""
STATE = _CODES % STATES
"""[256] The state of each code; of a door, open, closed or locked."""

TRIPLES = np.stack([KIND, COLOUR, STATE], axis=1).astype(np.uint8)
"""uint8 [256, 3] The kind, colour and state of each code, as an image shows them."""

WALKABLE = np.isin(KIND, (EMPTY_KIND, FLOOR, GOAL_KIND, LAVA_KIND)) | (
    (KIND == DOOR) & (STATE == OPEN)
)
"""[256] Whether an agent can stand on the cell."""
TRANSPARENT = (KIND != WALL_KIND) & ~((KIND == DOOR) & (STATE != OPEN))
"""[256] Whether an agent can see past the cell."""
PORTABLE = np.isin(KIND, (KEY, BALL, BOX))
"""[256] Whether an agent can pick up the object."""
