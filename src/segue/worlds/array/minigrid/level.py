"""What a level is: the size of its grid, its rules and how an episode's grid is drawn."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import EMPTY, WALL
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes


class Layout(NamedTuple):
    """The beginnings of E episodes."""

    cells: NDArray[np.uint8]
    """[E, height, width] codes, see `segue.worlds.array.minigrid.cells`."""
    x: NDArray[np.int64]
    """[E] where the agents stand."""
    y: NDArray[np.int64]
    """[E]"""
    direction: NDArray[np.int64]
    """[E] right, down, left, up."""


class Level(ABC):
    """A family of grids of one size; a value, equal to another of the same class and numbers."""

    see_through_walls: ClassVar[bool] = False
    prize: ClassVar[int | None] = None
    """A kind of thing; picking one up is a success."""
    has_expert: ClassVar[bool] = False
    """Whether its goal is the only way to success, and behind one door with one key at most."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Cells from left to right, walls included."""

    @property
    @abstractmethod
    def height(self) -> int:
        """Cells from top to bottom, walls included."""

    @property
    @abstractmethod
    def max_steps(self) -> int:
        """Steps after which an episode is truncated."""

    @abstractmethod
    def draw(self, streams: LaneStreams, lanes: Lanes) -> Layout:
        """Draw an episode for each of these lanes, from its own stream."""


class SquareLevel(Level):
    """A level whose grid is as wide as high: `size`."""

    size: int

    @property
    def width(self) -> int:
        """Cells from left to right, walls included."""
        return self.size

    @property
    def height(self) -> int:
        """Cells from top to bottom, walls included."""
        return self.size


def rooms(count: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return `count` empty rooms with walls around them: uint8 [count, height, width]."""
    cells = np.full((count, height, width), WALL, np.uint8)
    cells[:, 1:-1, 1:-1] = EMPTY
    return cells


def integers(uniform: NDArray[np.float64], count: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn numbers from [0, 1) into integers from 0 to `count` - 1, all as likely."""
    return (uniform * count).astype(np.int64)


def choices(uniform: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Choose one of those that are `allowed` [E, M] in each row, all as likely: [E]."""
    rank = allowed.cumsum(axis=1, dtype=np.int64)
    chosen: NDArray[np.int64] = (rank > integers(uniform, rank[:, -1])[:, None]).argmax(axis=1)
    return chosen


def places(
    uniform: NDArray[np.float64], free: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose a cell of each grid among those that are `free` [E, height, width], all as likely: x
    [E], y [E].
    """
    y, x = np.divmod(choices(uniform, free.reshape(len(free), -1)), free.shape[2])
    return x, y
