"""The view of a `minigrid` environment, computed as the array engine does: the package's own takes
most of a step.
"""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid.cells import EMPTY, WALL, cell
from segue.worlds.array.minigrid.view import AHEAD, SIZE, look


def hasten(environment: "gymnasium.Env[Any, Any]") -> None:
    """Let an environment of the package make its observations faster, bit for bit the same.

    Environments whose view is not 7x7 are left as they are.
    """
    unwrapped: Any = environment.unwrapped
    if unwrapped.agent_view_size != SIZE:
        return

    def gen_obs() -> dict[str, Any]:
        return {
            "image": view(unwrapped),
            "direction": unwrapped.agent_dir,
            "mission": unwrapped.mission,
        }

    unwrapped.gen_obs = gen_obs


def view(environment: Any) -> NDArray[np.uint8]:
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
    """What stands in a cell of the package's grid, as one byte."""
    if thing is None:
        return EMPTY
    return WALL if thing.type == "wall" and thing.color == "grey" else cell(*thing.encode())


def _windows() -> list[list[tuple[int, int]]]:
    """For each direction, where the cells of the window lie from the agent, row by row: (to the
    right, down).
    """
    to_the_right = np.roll(AHEAD, -1, axis=0)
    j, i = np.divmod(np.arange(SIZE * SIZE), SIZE)
    offsets = (
        AHEAD[:, None] * (SIZE - 1 - j)[:, None] + to_the_right[:, None] * (i - SIZE // 2)[:, None]
    )
    return [[(int(right), int(down)) for right, down in direction] for direction in offsets]


_WINDOWS = _windows()
