"""The expert of MiniGrid's levels: a shortest path, planned again where a grid has changed."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import KEY, KIND, UNSEEN
from segue.worlds.array.minigrid.level import Level
from segue.worlds.array.minigrid.paths import plan


class Guidance(NamedTuple):
    """The first action of each lane's shortest path."""

    action: NDArray[np.int64]
    """[L] The first action of a shortest path."""
    available: NDArray[np.bool_]
    """[L] Whether there is a path."""
    near: NDArray[np.bool_]
    """[L] Whether the goal is at most `near` actions away."""


class ShortestPath:
    """Shortest paths to the goal for L lanes of a level.

    They depend on the present grids and agents only.
    """

    def __init__(self, level: Level, lanes: int, near: int = 0) -> None:
        self._near = near
        # The grids for which the present plans were made.
        self._cells = np.full((lanes, level.height, level.width), UNSEEN, np.uint8)
        self._has_key = np.zeros(lanes, np.bool_)
        self._plans = np.zeros((3, lanes, 4, level.height * level.width), np.uint8)

    def guide(
        self,
        cells: NDArray[np.uint8],
        carried: NDArray[np.uint8],
        place: NDArray[np.int64],
        direction: NDArray[np.int64],
    ) -> Guidance:
        """Return the first actions of shortest paths from `place` in the grids `cells`.

        `cells` is [L, height, width], `place` [L] is y * width + x.
        """
        has_key = KIND[carried] == KEY
        stale = (cells != self._cells).any(axis=(1, 2)) | (has_key != self._has_key)
        if stale.any():
            self._cells[stale] = cells[stale]
            self._has_key[stale] = has_key[stale]
            self._plans[:, stale] = plan(cells[stale], has_key[stale], self._near)
        action, known, near = self._plans[:, np.arange(len(cells)), direction, place]
        return Guidance(action.astype(np.int64), known.view(np.bool_), near.view(np.bool_))
