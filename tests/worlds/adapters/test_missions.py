import contextlib

import gymnasium
import numpy as np
import pytest

from segue.worlds.adapters.missions import (
    LONG,
    SHORT,
    UNKNOWN,
    VOCABULARY,
    most_words,
    word_numbers,
)

pytest.importorskip("minigrid", reason="the extra segue[minigrid] is not installed")

LEVELS = (
    "BabyAI-GoToObj-v0",
    "BabyAI-PickupLoc-v0",
    "BabyAI-PutNextLocal-v0",
    "BabyAI-OpenDoorsOrderN4-v0",
    "BabyAI-MoveTwoAcrossS5N2-v0",
    "BabyAI-BossLevel-v0",
    "BabyAI-GoToSeqS5R2-v0",
    "MiniGrid-Fetch-5x5-N2-v0",
    "MiniGrid-MemoryS7-v0",
    "MiniGrid-LockedRoom-v0",
    "MiniGrid-PutNear-6x6-N2-v0",
)


@pytest.mark.parametrize("level", LEVELS)
def test_every_word_of_the_levels_is_known_and_there_is_room_for_all(level):
    environment = gymnasium.make(level)
    for seed in range(8):
        with contextlib.redirect_stdout(None):
            mission = environment.reset(seed=seed)[0]["mission"]
        numbers = word_numbers(mission, most_words(level))
        assert UNKNOWN not in numbers
        assert np.count_nonzero(numbers) == len(mission.split())
        assert numbers.max() < VOCABULARY


def test_words_are_numbered_alike_whatever_their_case_and_commas():
    assert (
        word_numbers("Go to the red ball, then", 8).tolist()
        == word_numbers("go to the red ball then", 8).tolist()
    )
    assert word_numbers("go to the zebra", 4)[3] == UNKNOWN
    assert len(set(word_numbers("go to the red ball", 5).tolist())) == 5


def test_a_mission_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="has 3 words, and there is room for 2"):
        word_numbers("go to it", 2)


def test_levels_of_several_instructions_have_more_room():
    assert [most_words(level) for level in ("BabyAI-BossLevel-v0", "BabyAI-GoToObj-v0")] == [
        LONG,
        SHORT,
    ]
