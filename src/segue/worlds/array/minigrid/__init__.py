"""MiniGrid as an array program: the engine, its levels and their experts."""

from segue.worlds.array.minigrid.engine import MiniGrid
from segue.worlds.array.minigrid.ids import IDS, level_of
from segue.worlds.array.minigrid.level import Layout, Level

__all__ = ["IDS", "Layout", "Level", "MiniGrid", "level_of"]
