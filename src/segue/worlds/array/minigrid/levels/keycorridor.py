"""MiniGrid-KeyCorridor: rooms beside a hallway, a ball behind a locked door, its key elsewhere."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import (
    BALL,
    CLOSED,
    COLOURS,
    DOOR,
    EMPTY,
    KEY,
    LOCKED,
    STATES,
    WALL,
    cell,
)
from segue.worlds.array.minigrid.level import Layout, Level, choices, integers
from segue.worlds.array.minigrid.levels.checks import at_least
from segue.worlds.array.minigrid.view import AHEAD
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes

_COLUMNS = 3
_LEFT, _HALLWAY, _RIGHT = range(_COLUMNS)
_NEVER = 2.0  # above every random number


@dataclass(frozen=True)
class KeyCorridor(Level):
    """Pick up the ball: `rows` rooms on either side of the hallway, `room_size` cells a side.

    Sides include the walls. Any two neighbouring rooms may have a door between them, at one place
    of their wall. One room on the right is locked and has no other door; elsewhere doors are added
    in random order until every room is reachable.
    """

    room_size: int
    rows: int
    prize: ClassVar[int] = BALL

    def __post_init__(self) -> None:
        at_least("KeyCorridor", "room_size", self.room_size, 3)
        at_least("KeyCorridor", "rows", self.rows, 1)

    @property
    def width(self) -> int:
        """Cells from left to right: three rooms that share their walls."""
        return _COLUMNS * (self.room_size - 1) + 1

    @property
    def height(self) -> int:
        """Cells from top to bottom: `rows` rooms that share their walls."""
        return self.rows * (self.room_size - 1) + 1

    @property
    def max_steps(self) -> int:
        """Steps after which an episode is truncated: 30 per cell of one room."""
        return 30 * self.room_size**2

    def draw(self, streams: LaneStreams, lanes: Lanes) -> Layout:
        """Draw doors, ball, key and agent for each of these lanes; see `Level.draw`."""
        walls = _walls(self.room_size, self.rows)
        grids = np.arange(len(lanes))
        place, colour, order = streams.uniform(lanes, 3 * len(walls.x)).reshape(3, -1, len(lanes))
        inside = 1 + integers(streams.uniform(lanes, 4), self.room_size - 2)
        locked_row, key_row, ball_colour, agent = streams.uniform(lanes, 4)
        row = integers(locked_row, self.rows)
        span = self.room_size - 1

        x, y = walls.doors(integers(place, self.room_size - 2))
        locked = np.arange(len(x))[:, None] == walls.to_the_right[row]
        colours = integers(colour, COLOURS) * STATES
        added = _added(walls, order, locked, room=row * _COLUMNS + _RIGHT)
        doors = np.select(
            [locked, added],
            [cell(DOOR, state=LOCKED) + colours, cell(DOOR, state=CLOSED) + colours],
            WALL,
        )

        cells = np.repeat(_hallway(self.room_size, self.rows), len(lanes), axis=0)
        cells[grids, y, x] = doors
        cells[grids, row * span + inside[0], _RIGHT * span + inside[1]] = (
            cell(BALL) + integers(ball_colour, COLOURS) * STATES
        )
        cells[grids, integers(key_row, self.rows) * span + inside[2], inside[3]] = (
            cell(KEY) + colours.T[locked.T]
        )
        return Layout(cells, *self._agents(agent, y.T[locked.T]))

    def _agents(
        self, uniform: NDArray[np.float64], locked_y: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Place agents in the middle of the hallway: x, y, direction, [3, E].

        They do not face the locked door at `locked_y` [E].
        """
        span = self.room_size - 1
        top = self.rows // 2 * span
        middle = (
            _hallway(self.room_size, self.rows)[0, top : top + span + 1, span : _RIGHT * span]
            == EMPTY
        )
        y, x, direction = np.nonzero(np.repeat(middle[:, :, None], 4, axis=2))
        stands = np.array([x + span, y + top, direction])
        front_x, front_y = stands[:2] + AHEAD[direction].T
        allowed = (front_x != _RIGHT * span) | (front_y != locked_y[:, None])
        agents: NDArray[np.int64] = stands[:, choices(uniform, allowed)]
        return agents


class _Walls(NamedTuple):
    """The W walls between neighbouring rooms, except the hallway's own. Room = row * 3 + column."""

    rooms: NDArray[np.int64]
    """[W, 2] The two rooms that each wall separates."""
    x: NDArray[np.int64]
    """[W] The column of the first cell that may be the door."""
    y: NDArray[np.int64]
    """[W] The row of the first cell that may be the door."""
    runs_down: NDArray[np.bool_]
    """[W] Whether the wall runs down from the first cell, and not to the right."""
    to_the_right: NDArray[np.int64]
    """[rows] The wall between the hallway and the room on its right."""

    def doors(self, place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return x and y of the cells that are `place` [W, E] cells along the walls."""
        down = self.runs_down[:, None]
        return self.x[:, None] + place * ~down, self.y[:, None] + place * down


@cache
def _walls(room_size: int, rows: int) -> _Walls:
    span = room_size - 1
    beside = [(row, column, row, column + 1) for row in range(rows) for column in (_LEFT, _HALLWAY)]
    below = [
        (row, column, row + 1, column) for row in range(rows - 1) for column in (_LEFT, _RIGHT)
    ]
    row, column, other_row, other_column = np.array(beside + below).T
    rooms = np.stack([row * _COLUMNS + column, other_row * _COLUMNS + other_column], axis=1)
    runs_down = row == other_row
    x, y = np.where(
        runs_down, [other_column * span, row * span + 1], [column * span + 1, other_row * span]
    )
    return _Walls(rooms, x, y, runs_down, 2 * np.arange(rows) + 1)


@cache
def _hallway(room_size: int, rows: int) -> NDArray[np.uint8]:
    """Return the grid without doors and objects: uint8 [1, height, width]."""
    span = room_size - 1
    cells = np.full((1, rows * span + 1, _COLUMNS * span + 1), EMPTY, np.uint8)
    cells[:, ::span, :] = WALL
    cells[:, :, ::span] = WALL
    cells[:, span:-1:span, span + 1 : _RIGHT * span] = EMPTY
    return cells


def _added(
    walls: _Walls, order: NDArray[np.float64], locked: NDArray[np.bool_], room: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which walls get a shut door, bool [W, E].

    Doors are added in this `order` [W, E], as many as are needed to connect all rooms. The last
    one needed is the bottleneck of the rooms that are hardest to connect: the largest of the least
    numbers that must be passed between two rooms (Floyd-Warshall's recursion with the maximum in
    place of the sum). `locked` [W, E] marks the door of the locked `room` [E], which connects as
    well but gets no other door.
    """
    rooms = walls.rooms.T
    count = walls.rooms.max() + 1
    number = np.where((walls.rooms[..., None] == room).any(axis=1), _NEVER, order)
    need = np.full((len(room), count, count), _NEVER)
    need[:, np.arange(count), np.arange(count)] = 0
    hallway = np.arange(_HALLWAY, count, _COLUMNS)
    need[:, hallway[:, None], hallway] = 0
    need[:, rooms, rooms[::-1]] = np.where(locked, 0, number).T[:, None]
    for through in range(count):
        np.minimum(need, np.maximum(need[:, :, through, None], need[:, through, None, :]), out=need)
    added: NDArray[np.bool_] = number <= need.max(axis=(1, 2))
    return added
