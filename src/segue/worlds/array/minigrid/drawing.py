"""Pictures of MiniGrid's grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segue.worlds.array.minigrid import cells
from segue.worlds.drawing import Colour, Picture, canvas

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_TILE = 32  # pixels
_COLOURS: list[Colour] = [
    (220, 50, 47),
    (60, 160, 60),
    (50, 100, 220),
    (140, 60, 180),
    (230, 190, 30),
    (110, 110, 110),
]
_FLOOR = (24, 24, 28)
_LINE = (60, 60, 66)
_LAVA = (230, 120, 20)
# The corners of an agent that faces right, in a tile of size 1.
_AGENT = ((0.85, 0.5), (0.2, 0.15), (0.2, 0.85))


def draw_grid(grid: NDArray[np.uint8], x: int, y: int, direction: int, carried: int) -> Picture:
    """Draw a grid of cell codes `[height, width]`, the agent, and what it carries.

    The carried object is drawn in the corner of the agent's tile.
    """
    height, width = grid.shape
    image, pen = canvas((width * _TILE, height * _TILE), _FLOOR)
    for row in range(height):
        for column in range(width):
            _draw_cell(pen, int(grid[row, column]), column * _TILE, row * _TILE, _TILE)
    turned = [_turned(point, direction) for point in _AGENT]
    pen.polygon(
        [((x + px) * _TILE, (y + py) * _TILE) for px, py in turned], fill=_COLOURS[cells.RED]
    )
    if cells.KIND[carried] != cells.EMPTY_KIND:
        _draw_cell(pen, carried, x * _TILE + _TILE // 2, y * _TILE + _TILE // 2, _TILE // 2)
    return np.asarray(image)


def _draw_cell(pen: ImageDraw, code: int, left: int, top: int, size: int) -> None:
    kind = cells.KIND[code]
    colour = _COLOURS[cells.COLOUR[code]]
    state = cells.STATE[code]

    def box(margin: float) -> tuple[float, float, float, float]:
        inside = size * (1 - margin) - 1
        return left + size * margin, top + size * margin, left + inside, top + inside

    pen.rectangle(box(0), outline=_LINE)
    if kind == cells.WALL_KIND:
        pen.rectangle(box(0), fill=_COLOURS[cells.GREY])
    elif kind == cells.LAVA_KIND:
        pen.rectangle(box(0), fill=_LAVA)
    elif kind in (cells.GOAL_KIND, cells.FLOOR):
        pen.rectangle(box(0.03), fill=colour)
    elif kind == cells.DOOR:
        pen.rectangle(
            box(0.06), outline=colour, width=3, fill=None if state == cells.OPEN else _LINE
        )
        if state == cells.LOCKED:
            pen.rectangle(box(0.4), fill=colour)
    elif kind == cells.BALL:
        pen.ellipse(box(0.2), fill=colour)
    elif kind == cells.BOX:
        pen.rectangle(box(0.2), outline=colour, width=4)
    elif kind == cells.KEY:
        pen.ellipse(
            (left + size * 0.35, top + size * 0.1, left + size * 0.65, top + size * 0.4),
            outline=colour,
            width=3,
        )
        pen.line(
            (left + size / 2, top + size * 0.4, left + size / 2, top + size * 0.9),
            fill=colour,
            width=4,
        )
        pen.line(
            (left + size / 2, top + size * 0.8, left + size * 0.7, top + size * 0.8),
            fill=colour,
            width=3,
        )


def _turned(point: tuple[float, float], direction: int) -> tuple[float, float]:
    """Return a point of a tile of size 1, turned right about the middle `direction` times."""
    x, y = point
    for _ in range(direction):
        x, y = 1 - y, x
    return x, y
