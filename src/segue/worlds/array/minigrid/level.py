"""The interface of levels: the grid's size, the rules, and how an episode's grid is drawn."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import EMPTY, WALL
from segue.worlds.seeds import LaneStreams
from segue.worlds.world import Lanes


class Layout(NamedTuple):
    """The grids and agents at the beginnings of E episodes."""

    cells: NDArray[np.uint8]
    """[E, height, width] The cells' codes, see `segue.worlds.array.minigrid.cells`."""
    x: NDArray[np.int64]
    """[E] The columns of the agents."""
    y: NDArray[np.int64]
    """[E] The rows of the agents."""
    direction: NDArray[np.int64]
    """[E] The directions of the agents: right, down, left, up."""


class Level(ABC):
    """A family of grids of one size; a value, equal to others of the same class and numbers."""

    see_through_walls: ClassVar[bool] = False
    prize: ClassVar[int | None] = None
    """The kind of object that is a success to pick up, if there is one."""
    has_expert: ClassVar[bool] = False
    """Whether the goal is the only way to success, behind at most one door with one key."""

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
    """A level whose grid has `size` x `size` cells."""

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
    """Map numbers from [0, 1) to integers from 0 to `count` - 1, uniformly."""
    return (uniform * count).astype(np.int64)


def choices(uniform: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Choose one of the `allowed` [E, M] in each row, uniformly: [E]."""
    rank = allowed.cumsum(axis=1, dtype=np.int64)
    chosen: NDArray[np.int64] = (rank > integers(uniform, rank[:, -1])[:, None]).argmax(axis=1)
    return chosen


def places(
    uniform: NDArray[np.float64], free: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose one of the `free` [E, height, width] cells in each grid, uniformly: x [E], y [E]."""
    y, x = np.divmod(choices(uniform, free.reshape(len(free), -1)), free.shape[2])
    return x, y
