"""Missions of the `minigrid` package, texts for the agent, as one number per word."""

import re
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Dict, MultiDiscrete
from numpy.typing import NDArray

from segue.worlds.array.minigrid.view import view_space

NO_WORD = 0
UNKNOWN = 1
_TEXT = """
    a after an and at avoid ball behind blue box door end fetch find first from front get go goal
    green grey hallway in it key lava left matching must near next object of on open opening pick
    purple put reach red right room rooms square the then to traverse unlock up use yellow you your
"""
_WORDS = _TEXT.split()
_NUMBERS = {word: number for number, word in enumerate(_WORDS, UNKNOWN + 1)}
VOCABULARY = UNKNOWN + 1 + len(_WORDS)
"""How many numbers there are: no word, an unknown word, and the words of the package's levels."""

SHORT = 16
LONG = 64
_LONG_LEVELS = re.compile("Seq|Boss|MoveTwoAcross|LockedRoom")


def most_words(level: str) -> int:
    """Return the number of words for which an observation of this level has room."""
    return LONG if _LONG_LEVELS.search(level) else SHORT


def word_numbers(mission: str, words: int) -> NDArray[np.uint8]:
    """Return the numbers of a mission's words, uint8 [words], padded with zeros.

    Raises ValueError when there is no room for all words.

    >>> word_numbers("go to the red ball", 6).tolist()
    [20, 50, 48, 43, 8, 0]
    """
    listed = mission.lower().replace(",", " ").split()
    if len(listed) > words:
        raise ValueError(
            f"The mission {mission!r} has {len(listed)} words, and there is room for {words}."
        )
    numbers = np.full(words, NO_WORD, np.uint8)
    numbers[: len(listed)] = [_NUMBERS.get(word, UNKNOWN) for word in listed]
    return numbers


class NumberedMissions(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Observes the numbers of the mission's words instead of its text, once per episode.

    The space of the image is bounded by the numbers of its cells.
    """

    def __init__(self, env: "gymnasium.Env[Any, Any]", words: int) -> None:
        super().__init__(env)
        assert isinstance(env.observation_space, Dict)
        mission = MultiDiscrete(np.full(words, VOCABULARY))
        entries = env.observation_space.spaces
        image = view_space(*(entries["image"].shape or ())[:2])
        self.observation_space = Dict({**entries, "image": image, "mission": mission})
        self._words = words
        self._mission = word_numbers("", words)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and read its mission."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._mission = word_numbers(observation["mission"], self._words)
        return {**observation, "mission": self._mission}, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act under the same mission."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return {**observation, "mission": self._mission}, float(reward), terminated, truncated, info
