"""The effect of an action on the agent, its carried object and the cell in front: one table."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import (
    BOX,
    CLOSED,
    COLOUR,
    DOOR,
    EMPTY,
    GOAL_KIND,
    KEY,
    KIND,
    LAVA_KIND,
    LOCKED,
    OPEN,
    PORTABLE,
    STATE,
    STATES,
    WALKABLE,
    cell,
)

ACTIONS = 7
LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(ACTIONS)

FRONT, CARRIED, MOVES, ENDING = range(4)  # columns of an outcome
NO_END, FAILURE, SUCCESS = range(3)

_CODES = 256
ACTION_STRIDE = _CODES * _CODES
CARRIED_STRIDE = _CODES


@cache
def outcomes(prize: int | None) -> NDArray[np.uint8]:
    """Return the outcome of each (action, carried object, cell in front): uint8 [7 * 256 * 256, 4].

    A row is found at `action * ACTION_STRIDE + carried * CARRIED_STRIDE + front`, where `carried`
    is EMPTY for empty hands. Its columns are: the cell in front afterwards, the carried object
    afterwards, whether the agent moves forward, how the episode ends (NO_END, FAILURE, SUCCESS).
    The rules are MiniGrid's: the goal is a success, lava a failure, picking up an object of the
    kind `prize` a success; boxes are empty, so that opening one removes it.
    """
    action, carried, front = np.ogrid[:ACTIONS, :_CODES, :_CODES]
    kind = KIND[front]
    colour = COLOUR[front]
    state = STATE[front]
    steps = (action == FORWARD) & WALKABLE[front]
    picks = (action == PICKUP) & (carried == EMPTY) & PORTABLE[front]
    drops = (action == DROP) & (carried != EMPTY) & (front == EMPTY)
    opens_box = (action == TOGGLE) & (kind == BOX)
    turns_door = (
        (action == TOGGLE)
        & (kind == DOOR)
        & ((state != LOCKED) | (carried == cell(KEY) + colour * STATES))
    )

    table = np.empty((ACTIONS, _CODES, _CODES, 4), np.uint8)
    turned = front - state + np.where(state == OPEN, CLOSED, OPEN)
    table[..., FRONT] = np.select(
        [picks | opens_box, drops, turns_door], [EMPTY, carried, turned], front
    )
    table[..., CARRIED] = np.select([picks, drops], [front, EMPTY], carried)
    table[..., MOVES] = steps
    wins = (steps & (kind == GOAL_KIND)) | (picks & (kind == prize))
    table[..., ENDING] = np.select([wins, steps & (kind == LAVA_KIND)], [SUCCESS, FAILURE], NO_END)
    table.flags.writeable = False
    return table.reshape(-1, 4)
