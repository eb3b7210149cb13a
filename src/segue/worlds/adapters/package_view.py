"""The view of a `minigrid` environment by the array engine's method, which is much faster."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import EMPTY, WALL, cell
from segue.worlds.array.minigrid.view import AHEAD, SIZE, look


def speed_up_view(environment: "gymnasium.Env[Any, Any]") -> None:
    """Make an environment of the package observe faster, bit for bit the same.

    Environments whose view is not 7x7 are left as they are.
    """
    unwrapped: Any = environment.unwrapped
    if unwrapped.agent_view_size != SIZE:
        return

    def gen_obs() -> dict[str, Any]:
        return {
            "image": agent_view(unwrapped),
            "direction": unwrapped.agent_dir,
            "mission": unwrapped.mission,
        }

    unwrapped.gen_obs = gen_obs


def agent_view(environment: Any) -> NDArray[np.uint8]:
    """Return what the agent sees now, uint8 [7, 7, 3]."""
    grid = environment.grid
    x, y = (int(at) for at in environment.agent_pos)
    cells = grid.grid
    width = grid.width
    height = grid.height
    places = [(x + right, y + down) for right, down in _WINDOWS[environment.agent_dir]]
    window = [
        _code(cells[row * width + column]) if 0 <= column < width and 0 <= row < height else WALL
        for column, row in places
    ]
    carried = np.array([_code(environment.carrying)], np.uint8)
    (seen,) = look(np.array([window], np.uint8), carried, environment.see_through_walls)
    image: NDArray[np.uint8] = seen
    return image


def _code(thing: Any) -> int:
    """Return the content of a cell of the package's grid, as one byte."""
    if thing is None:
        return EMPTY
    return WALL if thing.type == "wall" and thing.color == "grey" else cell(*thing.encode())


def _windows() -> list[list[tuple[int, int]]]:
    """Return the window's cells relative to the agent for each direction, row by row.

    The offsets are (to the right, down).
    """
    to_the_right = np.roll(AHEAD, -1, axis=0)
    j, i = np.divmod(np.arange(SIZE * SIZE), SIZE)
    offsets = (
        AHEAD[:, None] * (SIZE - 1 - j)[:, None] + to_the_right[:, None] * (i - SIZE // 2)[:, None]
    )
    return [[(int(right), int(down)) for right, down in direction] for direction in offsets]


_WINDOWS = _windows()
