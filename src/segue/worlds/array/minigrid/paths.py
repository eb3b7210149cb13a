"""Shortest paths to the goal in many grids at once, with all cells as the bits of one integer.

A state is where an agent stands, which way it faces and what it has done to its grid: whether it
has picked up the key, and whether it has opened the door. A set of states is four integers
("boards"), one for each direction; walking is a shift, turning an exchange. A breadth-first search
over all states of all grids therefore takes a few dozen operations on Python's integers a step,
for one grid as for a hundred. It runs backwards from the goal, so that it finds every state's
action.
"""

from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import (
    CLOSED,
    DOOR,
    GOAL_KIND,
    KEY,
    KIND,
    LAVA_KIND,
    LOCKED,
    STATE,
    WALKABLE,
)
from segue.worlds.array.minigrid.rules import FORWARD, LEFT, PICKUP, RIGHT, TOGGLE

Boards: TypeAlias = list[int]
"""States of agents that have done the same to their grids, one integer for each direction.

The bit of grid e is e * height * width + y * width + x.
"""

_DIRECTIONS = range(4)
_ACTIONS = (LEFT, RIGHT, FORWARD, PICKUP, TOGGLE)

_GOAL = KIND == GOAL_KIND
_FLOOR = WALKABLE & ~_GOAL & (KIND != LAVA_KIND)
_KEY = KIND == KEY
_CLOSED = (KIND == DOOR) & (STATE == CLOSED)
_LOCKED = (KIND == DOOR) & (STATE == LOCKED)


class Plan(NamedTuple):
    """The actions in E grids as they are now: arrays [E, 4 directions, height * width]."""

    action: NDArray[np.uint8]
    """The first action of a shortest path to the goal; 0 where there is no path."""
    known: NDArray[np.uint8]
    """1 where there is a path."""
    near: NDArray[np.uint8]
    """1 where there is a path of at most `near` actions."""


def plan(cells: NDArray[np.uint8], has_key: NDArray[np.bool_], near: int = 0) -> Plan:
    """Return the shortest paths to the goal of grids `cells` [E, height, width].

    Also returned is from which states there is a path of at most `near` actions. Grids have walls
    around them, at most one key and at most one door that is not open; the key, on the floor or
    carried (`has_key` [E]), opens it if it is locked. Among paths of equal length, walking takes
    precedence over turning, and turning left over turning right.
    """
    phases = _phases(cells, has_key)
    near_boards = [0, 0, 0, 0]
    for steps in count(1):
        gained = [phase.widen(cells.shape[2]) for phase in phases]
        if not any(map(any, gained)):
            break
        for phase, boards in zip(phases, gained, strict=True):
            phase.frontier = boards
        if steps <= near:
            near_boards = [board | new for board, new in zip(near_boards, gained[0], strict=True)]
    chosen = [_masks(phases[0].chosen[action], cells.shape) for action in _ACTIONS]
    action = sum(
        (mask * np.uint8(action) for mask, action in zip(chosen, _ACTIONS, strict=True)),
        np.uint8(0),
    )
    return Plan(np.asarray(action), np.bitwise_or.reduce(chosen), _masks(near_boards, cells.shape))


@dataclass
class _Phase:
    """The states of agents that have done the same to their grids."""

    unseen: Boards
    """The states for which no path is known yet."""
    frontier: Boards
    """The states whose path was found in the last step of the search."""
    transitions: "list[tuple[int, _Phase, Boards]]" = field(default_factory=list)
    """Actions that lead to another phase, that phase, and the states in which they do."""
    chosen: dict[int, Boards] = field(
        default_factory=lambda: {action: [0, 0, 0, 0] for action in _ACTIONS}
    )
    """For each action, the states in which it is the one to take."""

    def widen(self, width: int) -> Boards:
        """Find the states one action away from the frontiers and record the actions.

        Returns the new states.
        """
        return [self._widen(direction, width) for direction in _DIRECTIONS]

    def _widen(self, direction: int, width: int) -> int:
        frontier = self.frontier
        unseen = self.unseen[direction]
        before = unseen
        sources = [
            (FORWARD, _behind(frontier[direction], direction, width)),
            (LEFT, frontier[direction - 1]),
            (RIGHT, frontier[direction - 3]),
        ]
        sources += [
            (action, phase.frontier[direction] & states[direction])
            for action, phase, states in self.transitions
        ]
        for action, source in sources:
            if new := source & unseen:
                self.chosen[action][direction] |= new
                unseen ^= new
        self.unseen[direction] = unseen
        return before ^ unseen


def _phases(cells: NDArray[np.uint8], has_key: NDArray[np.bool_]) -> list[_Phase]:
    """Return the phases of these grids, the present one first."""
    goal, floor, key, closed, locked = (
        _board(kind[cells]) for kind in (_GOAL, _FLOOR, _KEY, _CLOSED, _LOCKED)
    )

    def phase(also_free: int = 0) -> _Phase:
        return _Phase([floor | also_free] * 4, [goal] * 4)

    def facing(board: int) -> Boards:
        return [_behind(board, direction, cells.shape[2]) for direction in _DIRECTIONS]

    now = phase()
    if not key | closed | locked:
        return [now]
    door = closed | locked
    unlockable = _board(_LOCKED[cells] & has_key[:, None, None])
    picked = phase(key)
    opened = phase(door)
    both = phase(key | door)
    now.transitions = [(PICKUP, picked, facing(key)), (TOGGLE, opened, facing(closed | unlockable))]
    picked.transitions = [(TOGGLE, both, facing(door))]
    opened.transitions = [(PICKUP, both, facing(key))]
    return [now, picked, opened, both]


def _behind(board: int, direction: int, width: int) -> int:
    """Return the cells from which a step forward in this direction leads into `board`."""
    if direction < 2:
        return board >> (width if direction else 1)
    return board << (width if direction == 3 else 1)


def _board(mask: NDArray[np.bool_]) -> int:
    """Return the integer whose bits are `mask`."""
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


def _masks(boards: Boards, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the bits of four boards of grids of this shape: uint8 [E, 4, height * width].

    `shape` is (E, height, width).
    """
    grids, height, width = shape
    size = -(-grids * height * width // 8)
    packed = np.frombuffer(
        b"".join(board.to_bytes(size, "little") for board in boards), np.uint8
    ).reshape(4, size)
    bits = np.unpackbits(packed, axis=1, count=grids * height * width, bitorder="little")
    return bits.reshape(4, grids, height * width).transpose(1, 0, 2)
