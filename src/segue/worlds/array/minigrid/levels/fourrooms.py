"""MiniGrid-FourRooms: four rooms joined by four gaps, agent and goal anywhere."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from segue.worlds.array.minigrid.cells import EMPTY, GOAL, WALL
from segue.worlds.array.minigrid.level import Layout, SquareLevel, integers, places, rooms
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes

_MIDDLE = 9


@dataclass(frozen=True)
class FourRooms(SquareLevel):
    """Rooms of 8x8 cells in a grid of 19x19 (Sutton, Precup, Singh, 1999, in MiniGrid's size)."""

    size = 2 * _MIDDLE + 1
    has_expert: ClassVar[bool] = True

    @property
    def max_steps(self) -> int:
        """Steps after which an episode is truncated: 100."""
        return 100

    def draw(self, streams: LaneStreams, lanes: Lanes) -> Layout:
        """Draw gaps, goal and agent for each of these lanes; see `Level.draw`."""
        uniform = streams.uniform(lanes, 7)
        grids = np.arange(len(lanes))
        cells = rooms(len(lanes), self.size, self.size)
        cells[:, _MIDDLE, :] = WALL
        cells[:, :, _MIDDLE] = WALL
        up, down, left, right = 1 + integers(uniform[:4], _MIDDLE - 1)
        for gap in (up, _MIDDLE + down):
            cells[grids, gap, _MIDDLE] = EMPTY
        for gap in (left, _MIDDLE + right):
            cells[grids, _MIDDLE, gap] = EMPTY

        free = cells == EMPTY
        x, y = places(uniform[4], free)
        free[grids, y, x] = False
        goal_x, goal_y = places(uniform[5], free)
        cells[grids, goal_y, goal_x] = GOAL
        return Layout(cells, x, y, integers(uniform[6], 4))
