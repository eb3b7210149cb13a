"""Pictures of worlds, and the canvas on which they are drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segue.base.extras import optional_dependency

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Picture = NDArray[np.uint8]
"""Red, green and blue, `[height, width, 3]`."""
Colour = tuple[int, int, int]

_TRACK = (600, 300)
_POLE_PIXELS = 125
_GROUND = 240
_INK = (40, 44, 52)
_PAPER = (250, 250, 250)
_WOOD = (202, 152, 101)


def draw_cart_pole(position: float, angle: float, limit: float) -> Picture:
    """Draw a cart on its track from -`limit` to `limit`; positive angles (radians) lean right."""
    image, pen = canvas(_TRACK, _PAPER)
    x = _TRACK[0] / 2 * (1 + position / limit)
    pen.line((0, _GROUND, _TRACK[0], _GROUND), fill=_INK)
    pen.rectangle((x - 25, _GROUND - 15, x + 25, _GROUND + 15), fill=_INK)
    tip = (x + _POLE_PIXELS * math.sin(angle), _GROUND - 10 - _POLE_PIXELS * math.cos(angle))
    pen.line((x, _GROUND - 10, *tip), fill=_WOOD, width=10)
    return np.asarray(image)


def canvas(size: tuple[int, int], colour: Colour) -> tuple[Any, ImageDraw]:
    """Return an image and a pen that draws on it; raise ValueError where Pillow is missing."""
    with optional_dependency("play", "A picture of the world"):
        from PIL import Image, ImageDraw
    image = Image.new("RGB", size, colour)
    return image, ImageDraw.Draw(image)
