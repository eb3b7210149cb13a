"""Levels by id, and the sentences for those that cannot be drawn."""

import pytest

from segue.worlds.array.minigrid import IDS, MiniGrid, level_of
from segue.worlds.array.minigrid.levels import (
    DoorKey,
    Empty,
    KeyCorridor,
    LavaCrossing,
    MultiRoom,
    SimpleCrossing,
)


def test_usual_ids_are_known() -> None:
    assert len(set(IDS)) == len(IDS) == 29
    assert all(level_of(world_id) is not None for world_id in IDS)


def test_other_sizes_have_ids_of_the_same_form() -> None:
    assert level_of("MiniGrid-LavaCrossingS25N10-v0") == LavaCrossing(size=25, crossings=10)
    assert (
        level_of("MiniGrid-SimpleCrossingS7N2-v0")
        == SimpleCrossing(size=7, crossings=2)
        != LavaCrossing(7, 2)
    )
    assert level_of("MiniGrid-DoorKey-7x7-v0") == DoorKey(7)
    assert level_of("MiniGrid-Empty-Random-9x9-v0") == Empty(9, random_start=True)
    assert level_of("MiniGrid-KeyCorridorS4R5-v0") == KeyCorridor(room_size=4, rows=5)
    assert level_of("MiniGrid-MultiRoom-N4-S5-v1") == MultiRoom(rooms=4, largest=5)


@pytest.mark.parametrize(
    "world_id", ["MiniGrid-DoorKey-5x6-v0", "MiniGrid-Fetch-5x5-N2-v0", "DoorKey-5x5", ""]
)
def test_the_engine_lacks_other_ids(world_id: str) -> None:
    assert level_of(world_id) is None


@pytest.mark.parametrize(
    ("world_id", "message"),
    [
        ("MiniGrid-Empty-3x3-v0", "Empty has size 3: choose one of at least 4"),
        ("MiniGrid-DoorKey-4x4-v0", "DoorKey has size 4: choose one of at least 5"),
        (
            "MiniGrid-LavaCrossingS8N1-v0",
            "LavaCrossing has size 8: choose an odd one",
        ),
        ("MiniGrid-LavaCrossingS9N0-v0", "has crossings 0: choose one of at least 1"),
        (
            "MiniGrid-SimpleCrossingS9N7-v0",
            "has 7 crossings: a grid of size 9 has room for 6 at most",
        ),
        ("MiniGrid-KeyCorridorS2R1-v0", "has room_size 2: choose one of at least 3"),
    ],
)
def test_levels_that_cannot_be_drawn_are_refused(world_id: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        level_of(world_id)


def test_too_small_rooms_are_refused() -> None:
    with pytest.raises(ValueError, match="MultiRoom has largest 3: choose one of at least 4"):
        MultiRoom(rooms=2, largest=3)


def test_an_expert_is_not_corrupted_within_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="Empty has corrupt_within -1: choose one of at least 0"):
        MiniGrid(Empty(5), 1, 1, corrupt_within=-1)
