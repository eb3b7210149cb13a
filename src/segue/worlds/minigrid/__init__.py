"""MiniGrid as an array program: the engine, its levels and their experts."""

from segue.worlds.minigrid.engine import MiniGrid
from segue.worlds.minigrid.ids import IDS, level_of
from segue.worlds.minigrid.level import Layout, Level

__all__ = ["IDS", "Layout", "Level", "MiniGrid", "level_of"]
