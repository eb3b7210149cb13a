"""MiniGrid-DoorKey: a wall with a locked door before the goal, the key on the agent's side."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from segue.worlds.array.minigrid.cells import DOOR, EMPTY, GOAL, KEY, LOCKED, WALL, YELLOW, cell
from segue.worlds.array.minigrid.level import Layout, SquareLevel, integers, places, rooms
from segue.worlds.array.minigrid.levels.checks import at_least
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes


@dataclass(frozen=True)
class DoorKey(SquareLevel):
    """Fetch the key, unlock the door, reach the goal; `size` x `size` cells, walls included."""

    size: int
    has_expert: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least("DoorKey", "size", self.size, 5)

    @property
    def max_steps(self) -> int:
        """Steps after which an episode is truncated: 10 per cell."""
        return 10 * self.size**2

    def draw(self, streams: LaneStreams, lanes: Lanes) -> Layout:
        """Draw wall, door, key and agent for each of these lanes; see `Level.draw`."""
        uniform = streams.uniform(lanes, 5)
        grids = np.arange(len(lanes))
        cells = rooms(len(lanes), self.size, self.size)
        cells[:, -2, -2] = GOAL
        split = 2 + integers(uniform[0], self.size - 4)
        cells[grids, :, split] = WALL
        cells[grids, 1 + integers(uniform[1], self.size - 3), split] = cell(DOOR, YELLOW, LOCKED)

        free = (cells == EMPTY) & (np.arange(self.size) < split[:, None, None])
        x, y = places(uniform[2], free)
        free[grids, y, x] = False
        key_x, key_y = places(uniform[3], free)
        cells[grids, key_y, key_x] = cell(KEY, YELLOW)
        return Layout(cells, x, y, integers(uniform[4], 4))
