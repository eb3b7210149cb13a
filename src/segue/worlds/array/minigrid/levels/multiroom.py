"""MiniGrid-MultiRoom: a chain of rooms with shut doors between them, the goal in the last."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import CLOSED, COLOURS, DOOR, EMPTY, GOAL, WALL, cell
from segue.worlds.array.minigrid.level import Layout, SquareLevel
from segue.worlds.array.minigrid.levels.checks import at_least
from segue.worlds.array.minigrid.view import AHEAD
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes

_LEAST_SIDE = 4  # of a room with its walls
_TRIES = 8
_LEFT = 2  # directions are MiniGrid's: right, down, left, up


@dataclass(frozen=True)
class MultiRoom(SquareLevel):
    """A chain of `rooms` rooms of 4 to `largest` cells a side, walls included, in a grid of 25x25.

    Each grid is drawn from a seed of its own, room after room: rooms are placed at random until
    they fit, which an array program would not do faster.
    """

    rooms: int
    largest: int = 10
    size = 25

    def __post_init__(self) -> None:
        at_least("MultiRoom", "rooms", self.rooms, 1)
        at_least("MultiRoom", "largest", self.largest, _LEAST_SIDE)

    @property
    def max_steps(self) -> int:
        """Steps after which an episode is truncated: 20 per room."""
        return 20 * self.rooms

    def draw(self, streams: LaneStreams, lanes: Lanes) -> Layout:
        """Draw a chain of rooms, goal and agent for each of these lanes; see `Level.draw`."""
        drawn = [self._draw_one(Random(seed)) for seed in streams.episode_seeds(lanes).tolist()]
        cells, agents = zip(*drawn, strict=True)
        return Layout(np.stack(cells), *np.array(agents).T)

    def _draw_one(self, random: Random) -> tuple[NDArray[np.uint8], tuple[int, int, int]]:
        """Return the grid [height, width] and where the agent stands: x, y, direction."""
        chain: list[_Room] = []
        while len(chain) < self.rooms:
            chain = self._chain(random)
        cells = np.full((self.size, self.size), EMPTY, np.uint8)
        colour = None
        for room in chain:
            room.paint(cells)
            if room is not chain[0]:
                colour = random.choice([other for other in range(COLOURS) if other != colour])
                cells[room.door_y, room.door_x] = cell(DOOR, colour, CLOSED)
        x, y = chain[0].cell_inside(random)
        goal = chain[-1].cell_inside(random)
        while goal == (x, y):
            goal = chain[-1].cell_inside(random)
        cells[goal[1], goal[0]] = GOAL
        return cells, (x, y, random.randrange(4))

    def _chain(self, random: Random) -> "list[_Room]":
        """Place rooms one after another until there are enough or the next does not fit."""
        corner = random.randrange(self.size - 2), random.randrange(self.size - 2)
        width, height = self._sides(random)
        chain = [_Room(*corner, width, height, _LEFT, *corner)]
        if not self._fits(chain[0], []):
            return []
        while len(chain) < self.rooms:
            following = (self._behind(chain[-1], random) for _ in range(_TRIES))
            room = next((room for room in following if self._fits(room, chain[:-1])), None)
            if room is None:
                break
            chain.append(room)
        return chain

    def _behind(self, room: "_Room", random: Random) -> "_Room":
        """Draw a room that begins at a door in any wall of `room` but the one of its own entry."""
        wall = random.choice([wall for wall in range(4) if wall != room.entry])
        ahead_x, ahead_y = AHEAD[wall].tolist()
        inside = (
            random.randrange(1, room.height - 1) if ahead_x else random.randrange(1, room.width - 1)
        )
        door_x = room.x + (inside if ahead_y else (room.width - 1) * (ahead_x > 0))
        door_y = room.y + (inside if ahead_x else (room.height - 1) * (ahead_y > 0))
        width, height = self._sides(random)
        if ahead_x:
            x = door_x - (width - 1) * (ahead_x < 0)
            y = random.randrange(door_y - height + 2, door_y)
        else:
            x = random.randrange(door_x - width + 2, door_x)
            y = door_y - (height - 1) * (ahead_y < 0)
        return _Room(x, y, width, height, (wall + 2) % 4, door_x, door_y)

    def _sides(self, random: Random) -> tuple[int, int]:
        return random.randint(_LEAST_SIDE, self.largest), random.randint(_LEAST_SIDE, self.largest)

    def _fits(self, room: "_Room", others: "list[_Room]") -> bool:
        """Return whether a room lies in the grid and apart from the others.

        It never lies in the grid's last row, as in MiniGrid.
        """
        right = room.x + room.width
        below = room.y + room.height
        if min(room.x, room.y) < 0 or right > self.size or below >= self.size:
            return False
        return all(
            right < other.x
            or other.x + other.width <= room.x
            or below < other.y
            or other.y + other.height <= room.y
            for other in others
        )


class _Room(NamedTuple):
    """A room with its walls: corner, sides, the wall of its entry and the door there.

    Walls are numbered as directions: right, down, left, up.
    """

    x: int
    y: int
    width: int
    height: int
    entry: int
    door_x: int
    door_y: int

    def paint(self, cells: NDArray[np.uint8]) -> None:
        """Draw the walls into the grid."""
        rows = slice(self.y, self.y + self.height)
        columns = slice(self.x, self.x + self.width)
        cells[rows, [self.x, self.x + self.width - 1]] = WALL
        cells[[self.y, self.y + self.height - 1], columns] = WALL

    def cell_inside(self, random: Random) -> tuple[int, int]:
        """Draw a random cell within the walls."""
        return (
            random.randrange(self.x + 1, self.x + self.width - 1),
            random.randrange(self.y + 1, self.y + self.height - 1),
        )
