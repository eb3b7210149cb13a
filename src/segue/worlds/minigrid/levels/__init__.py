"""The families of levels, one file each."""

from segue.worlds.minigrid.levels.crossing import Crossing, LavaCrossing, SimpleCrossing
from segue.worlds.minigrid.levels.doorkey import DoorKey
from segue.worlds.minigrid.levels.empty import Empty
from segue.worlds.minigrid.levels.fourrooms import FourRooms
from segue.worlds.minigrid.levels.keycorridor import KeyCorridor
from segue.worlds.minigrid.levels.multiroom import MultiRoom

__all__ = ["Crossing", "DoorKey", "Empty", "FourRooms", "KeyCorridor", "LavaCrossing", "MultiRoom", "SimpleCrossing"]
