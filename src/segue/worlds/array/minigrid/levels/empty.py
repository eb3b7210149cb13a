"""MiniGrid-Empty: one room, the goal in its far corner."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from segue.worlds.array.minigrid.cells import EMPTY, GOAL
from segue.worlds.array.minigrid.level import Layout, SquareLevel, integers, places, rooms
from segue.worlds.array.minigrid.levels.checks import at_least
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes


@dataclass(frozen=True)
class Empty(SquareLevel):
    """An empty room of `size` x `size` cells, walls included; see-through, as in MiniGrid.

    The agent begins in the corner opposite to the goal, facing right; anywhere if `random_start`.
    """

    size: int
    random_start: bool = False
    see_through_walls: ClassVar[bool] = True
    has_expert: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least("Empty", "size", self.size, 4)

    @property
    def max_steps(self) -> int:
        """Steps after which an episode is truncated: 4 per cell."""
        return 4 * self.size**2

    def draw(self, streams: LaneStreams, lanes: Lanes) -> Layout:
        """Draw the agent's start for each of these lanes; see `Level.draw`."""
        cells = rooms(len(lanes), self.size, self.size)
        cells[:, -2, -2] = GOAL
        if not self.random_start:
            ones = np.ones(len(lanes), np.int64)
            return Layout(cells, ones, ones, np.zeros_like(ones))
        uniform = streams.uniform(lanes, 2)
        x, y = places(uniform[0], cells == EMPTY)
        return Layout(cells, x, y, integers(uniform[1], 4))
