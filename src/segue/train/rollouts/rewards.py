"""Rewards as members learn from them: scaled, and divided by the deviation of their returns.

Shapes: K members, N lanes of a member, L = K*N lanes in all, T steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.train.rollouts.moments import Moments, clip


@dataclass
class RewardNormalizer:
    """Scales the rewards of K members, and divides them by the deviation of their returns."""

    scale: float
    most: float
    returns: NDArray[np.float64]  # [K, N] the discounted returns of the running episodes so far
    moments: Moments | None  # of these returns, [K]; None where rewards are only scaled

    def apply(
        self,
        reward_TL: NDArray[np.float32],
        ended_TL: NDArray[np.bool_],
        gamma_K: NDArray[np.float64],
    ) -> None:
        """Scale and normalise the rewards of a rollout in place.

        A reward is divided by the deviation of all returns so far, of which the return that
        contains it is the last. A return starts from 0 with each episode.
        """
        if self.scale != 1:
            reward_TL *= np.float32(self.scale)
        if self.moments is None:
            return
        shape = (len(reward_TL), *self.returns.shape)
        reward = reward_TL.reshape(shape)
        with np.errstate(all="ignore"):  # what is not finite marks its member when it learns
            returns = self._returns(reward, ended_TL.reshape(shape), gamma_K[:, None])
            scaled = np.divide(reward, self.moments.update_each(returns)[:, :, None], out=returns)
            clip(scaled, self.most)
            np.copyto(reward, scaled, casting="same_kind")

    def _returns(
        self,
        reward_TKN: NDArray[np.float32],
        ended_TKN: NDArray[np.bool_],
        gamma_K1: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the discounted return at each step, `[T, K, N]`, and continue the running ones."""
        found = np.empty(reward_TKN.shape)
        ends: list[bool] = np.any(ended_TKN.reshape(len(ended_TKN), -1), axis=1).tolist()
        running = self.returns
        for t, is_end in enumerate(ends):
            np.multiply(running, gamma_K1, out=found[t])
            running = found[t]
            running += reward_TKN[t]
            if is_end:
                running = np.where(ended_TKN[t], 0, running)
        self.returns = running.copy()
        return found

    def select(self, members: Sequence[int]) -> RewardNormalizer:
        """Return the normaliser of these members."""
        moments = self.moments and self.moments.select(members)
        return RewardNormalizer(self.scale, self.most, self.returns[list(members)], moments)

    @classmethod
    def joined(cls, parts: Sequence[RewardNormalizer]) -> RewardNormalizer:
        """Return the normaliser of the members of all parts, one part after another."""
        moments = [part.moments for part in parts if part.moments is not None]
        return cls(
            parts[0].scale,
            parts[0].most,
            np.concatenate([part.returns for part in parts]),
            Moments.together(moments) if moments else None,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the returns and their statistics."""
        moments = self.moments and self.moments.state_dict()
        return {"returns": self.returns.copy(), "moments": moments}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the returns and statistics of as many members."""
        self.returns = np.array(state["returns"], np.float64).reshape(self.returns.shape)
        if self.moments is not None:
            self.moments.load_state_dict(state["moments"])
