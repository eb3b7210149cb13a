"""MiniGrid-LavaCrossing and -SimpleCrossing: rivers of lava, or walls, with openings."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import EMPTY, GOAL, LAVA, WALL
from segue.worlds.array.minigrid.level import Layout, SquareLevel, integers, rooms
from segue.worlds.array.minigrid.levels.checks import at_least
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes


@dataclass(frozen=True)
class Crossing(SquareLevel):
    """A room of `size` x `size` cells, `size` odd, which `crossings` rivers cross both ways.

    The agent begins in the top left corner facing right, the goal is in the bottom right one. The
    rivers lie on different even rows and columns, chosen uniformly. The way crosses them one by
    one, in any order from left to right and from top to bottom, and each crossing is an opening
    anywhere between the neighbouring rivers.
    """

    size: int
    crossings: int
    has_expert: ClassVar[bool] = True

    def __post_init__(self) -> None:
        name = type(self).__name__
        at_least(name, "size", self.size, 5)
        at_least(name, "crossings", self.crossings, 1)
        if self.size % 2 == 0:
            raise ValueError(f"The level {name} has size {self.size}: choose an odd one.")
        if self.crossings > self.size - 3:
            raise ValueError(
                f"The level {name} has {self.crossings} crossings: a grid of size {self.size} has"
                f" room for {self.size - 3} at most."
            )

    @property
    @abstractmethod
    def obstacle(self) -> int:
        """The cell that rivers are made of."""

    @property
    def max_steps(self) -> int:
        """Steps after which an episode is truncated: 4 per cell."""
        return 4 * self.size**2

    def draw(self, streams: LaneStreams, lanes: Lanes) -> Layout:
        """Draw rivers with their openings for each of these lanes; see `Level.draw`."""
        possible = self.size - 3
        uniform = streams.uniform(lanes, possible + 2 * self.crossings)
        rivers = _chosen(uniform[:possible], self.crossings)
        vertical, horizontal = np.zeros((2, len(lanes), self.size), np.bool_)
        vertical[:, 2:-2:2], horizontal[:, 2:-2:2] = np.split(rivers, 2, axis=1)

        cells = rooms(len(lanes), self.size, self.size)
        inside = cells == EMPTY
        cells[inside & (vertical[:, None, :] | horizontal[:, :, None])] = self.obstacle
        self._open(cells, vertical, horizontal, *np.split(uniform[possible:], 2))
        cells[:, -2, -2] = GOAL
        ones = np.ones(len(lanes), np.int64)
        return Layout(cells, ones, ones, np.zeros_like(ones))

    def _open(
        self,
        cells: NDArray[np.uint8],
        vertical: NDArray[np.bool_],
        horizontal: NDArray[np.bool_],
        turn: NDArray[np.float64],
        place: NDArray[np.float64],
    ) -> None:
        """Walk from room to room, opening the next vertical or the next horizontal river.

        `vertical` and `horizontal` [E, size] mark the columns and rows that are rivers; `turn` and
        `place` [crossings, E] are random numbers.
        """
        grids = np.arange(len(cells))
        columns = _limits(vertical, self.crossings)
        rows = _limits(horizontal, self.crossings)
        across, down = np.zeros((2, len(cells)), np.int64)  # rivers crossed so far
        ahead = np.stack([vertical.sum(axis=1), horizontal.sum(axis=1)])  # rivers not crossed yet
        for turn_E, place_E in zip(turn, place, strict=True):
            goes_right = turn_E * ahead.sum(axis=0) < ahead[0]
            left = columns[grids, across]
            right = columns[grids, across + 1]
            top = rows[grids, down]
            bottom = rows[grids, down + 1]
            x = np.where(goes_right, right, left + 1 + integers(place_E, right - left - 1))
            y = np.where(goes_right, top + 1 + integers(place_E, bottom - top - 1), bottom)
            cells[grids, y, x] = EMPTY
            across = across + goes_right
            down = down + ~goes_right
            ahead -= np.stack([goes_right, ~goes_right])


@dataclass(frozen=True)
class LavaCrossing(Crossing):
    """Rivers of lava: stepping into one ends the episode."""

    obstacle = LAVA


@dataclass(frozen=True)
class SimpleCrossing(Crossing):
    """Rivers that are walls."""

    obstacle = WALL


def _chosen(uniform: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Choose `count` rows of `uniform` [possible, E] in each column, uniformly: [E, possible]."""
    return (uniform.argsort(axis=0).argsort(axis=0) < count).T


def _limits(rivers: NDArray[np.bool_], crossings: int) -> NDArray[np.int64]:
    """Return the rivers' positions in order, between the walls, padded with the last wall.

    `is_river` is [E, size], the result [E, crossings + 2].
    """
    size = rivers.shape[1]
    places = np.sort(np.where(rivers, np.arange(size), size - 1), axis=1)[:, : crossings + 1]
    return np.pad(places, ((0, 0), (1, 0)))
