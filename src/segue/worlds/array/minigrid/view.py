"""The agents' view: an egocentric window of 7x7 cells, without those behind walls and shut doors.

Row j of the window runs from the farthest (0) to the agent's own (6), column i from its left (0) to
its right (6); the agent stands at j = 6, i = 3. An image is indexed [i, j], as MiniGrid's are.
"""

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import COLOURS, KINDS, STATES, TRANSPARENT, TRIPLES

SIZE = 7
MARGIN = SIZE - 1
"""The number of wall cells around a grid, so that no window reaches beyond the array."""

AHEAD = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
"""[4, 2]: (x, y) of a step forward, facing right, down, left and up; y grows downwards."""

_ROWS = 1 << SIZE  # sets of columns, as bits
_AGENT = SIZE * SIZE - 1 - SIZE // 2  # the agent's place in the window, row by row
_AGENT_COLUMN = 1 << SIZE // 2
_BITS = (1 << np.arange(SIZE)).astype(np.uint8)
_CLEAR = TRANSPARENT.astype(np.uint8)


def view_space(width: int = SIZE, height: int = SIZE) -> Box:
    """Return the space of images of the cells' kinds, colours and states.

    Its bounds distinguish it from the space of other pictures: those of the `minigrid` package's
    own space are 0 and 255.
    """
    highest = np.array([KINDS - 1, COLOURS - 1, STATES - 1], np.uint8)
    high = np.broadcast_to(highest, (width, height, 3))
    return Box(np.zeros_like(high), high, dtype=np.uint8)


def window_offsets(width: int) -> NDArray[np.int64]:
    """Return the window's cells relative to the agent in a flat grid of this width: [4, 49].

    The first axis is the direction.
    """
    ahead = AHEAD @ np.array([1, width])
    to_the_right = np.roll(ahead, -1)
    j, i = np.divmod(np.arange(SIZE * SIZE), SIZE)
    return np.outer(ahead, SIZE - 1 - j) + np.outer(to_the_right, i - SIZE // 2)


def look(
    window: NDArray[np.uint8], carried: NDArray[np.uint8], see_through_walls: bool
) -> NDArray[np.uint8]:
    """Convert the cells in the agents' windows, uint8 [L, 49], to images, uint8 [L, 7, 7, 3].

    `carried` [L] is shown where the agent stands. Overwrites `window`.
    """
    if see_through_walls:
        window[:, _AGENT] = carried
    else:
        visible = _visible(window)
        window[:, _AGENT] = carried
        window &= visible
    images: NDArray[np.uint8] = TRIPLES.take(
        window.reshape(-1, SIZE, SIZE).transpose(0, 2, 1), axis=0
    )
    return images


def _visible(window: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 where a cell of the windows [L, 49] is visible, else 0.

    The rows are processed from the agent's own outwards: which cells of a row are visible depends
    on those that the row before shows (7 bits) and on those that are transparent (7 bits).
    """
    clear = (_CLEAR.take(window).reshape(-1, SIZE, SIZE) @ _BITS).T.astype(np.int64)  # [7, L]
    rows = np.empty_like(clear)
    shown: int | NDArray[np.int64] = _AGENT_COLUMN * _ROWS
    for j in reversed(range(SIZE)):
        np.bitwise_or(clear[j], shown, out=rows[j])
        shown = _SHOWN_NEXT.take(rows[j])
    visible: NDArray[np.uint8] = _SEEN.take(rows.T, axis=0)
    return visible.reshape(-1, SIZE * SIZE)


def _row_tables() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Compute a row for each pair of (cells shown by the row before, transparent cells): 128 * 128.

    Light spreads from each shown transparent cell to its neighbour and to both cells in the next
    row: first everywhere to the right, then to the left. Returns which cells are seen, as bytes 255
    or 0 [16384, 7], and the cells that this row shows in the next one, times 128 [16384].
    """
    seen, clear = np.divmod(np.arange(_ROWS * _ROWS), _ROWS)
    following = np.zeros_like(seen)
    to_the_right = [(i, i + 1) for i in range(SIZE - 1)]
    to_the_left = [(i, i - 1) for i in reversed(range(1, SIZE))]
    for here, there in to_the_right + to_the_left:
        passes = seen & clear & (1 << here) != 0
        seen |= passes << there
        following |= passes << here | passes << there
    return (seen[:, None] & _BITS != 0).astype(np.uint8) * np.uint8(255), following * _ROWS


_SEEN, _SHOWN_NEXT = _row_tables()
