"""Returns and lengths of the episodes that ended in a rollout.

Shapes: T steps, L lanes, E ended episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class EpisodeTotals(NamedTuple):
    """Sums over the running episodes so far, `[L]` each."""

    reward: NDArray[np.float64]
    steps: NDArray[np.int64]

    @classmethod
    def zeros(cls, lanes: int) -> EpisodeTotals:
        """Return the totals of episodes that have just started."""
        return cls(np.zeros(lanes), np.zeros(lanes, np.int64))

    @classmethod
    def joined(cls, parts: Sequence[EpisodeTotals]) -> EpisodeTotals:
        """Return the totals of the lanes of all parts, one part after another."""
        reward = np.concatenate([part.reward for part in parts])
        return cls(reward, np.concatenate([part.steps for part in parts]))

    def select(self, lanes: NDArray[np.int64]) -> EpisodeTotals:
        """Return copies of the totals of these lanes."""
        return EpisodeTotals(self.reward[lanes], self.steps[lanes])


class FinishedEpisodes(NamedTuple):
    """Finished episodes in the order of their lanes, `[E]` each."""

    lane: NDArray[np.int64]
    reward: NDArray[np.float64]  # undiscounted return
    steps: NDArray[np.int64]


def ended_episodes(
    reward_TL: NDArray[np.float32], ended_TL: NDArray[np.bool_], running: EpisodeTotals
) -> tuple[FinishedEpisodes, EpisodeTotals]:
    """Return the episodes that ended, and the sums over those still running.

    Sums are taken over whole rollouts at once: an episode's return is the difference of two
    cumulative sums, in 64 bits.
    """
    steps = len(reward_TL)
    total_LT = np.cumsum(reward_TL.T, axis=1, dtype=np.float64)
    lane, step = np.nonzero(ended_TL.T)
    reached = total_LT[lane, step]
    first = np.ones(len(lane), bool)
    first[1:] = lane[1:] != lane[:-1]
    before = np.where(first, -running.reward[lane], np.roll(reached, 1))
    length = step + 1 - np.where(first, -running.steps[lane], np.roll(step, 1) + 1)

    left_reward = running.reward + total_LT[:, -1]
    left_steps = running.steps + steps
    last = np.ones(len(lane), bool)
    last[:-1] = first[1:]
    left_reward[lane[last]] = total_LT[lane[last], -1] - reached[last]
    left_steps[lane[last]] = steps - 1 - step[last]
    return FinishedEpisodes(lane, reached - before, length), EpisodeTotals(left_reward, left_steps)
