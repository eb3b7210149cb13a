"""The families of levels, one file each."""

from segue.worlds.array.minigrid.levels.crossing import Crossing, LavaCrossing, SimpleCrossing
from segue.worlds.array.minigrid.levels.doorkey import DoorKey
from segue.worlds.array.minigrid.levels.empty import Empty
from segue.worlds.array.minigrid.levels.fourrooms import FourRooms
from segue.worlds.array.minigrid.levels.keycorridor import KeyCorridor
from segue.worlds.array.minigrid.levels.multiroom import MultiRoom

__all__ = [
    "Crossing",
    "DoorKey",
    "Empty",
    "FourRooms",
    "KeyCorridor",
    "LavaCrossing",
    "MultiRoom",
    "SimpleCrossing",
]
