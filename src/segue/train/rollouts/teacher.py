"""Teacher forcing: in each lane, the expert's action in place of the agent's with a scheduled
probability.

Shapes: K members, N lanes of a member, L = K*N lanes in all, T steps, A actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segue.train.members.knobs import Knobs
from segue.train.rollouts.generators import MemberGenerators
from segue.worlds.world import Advice


@dataclass
class Teaching:
    """What the expert said and did in a rollout. It is asked in every lane, whoever follows it."""

    wanted: NDArray[
        np.bool_
    ]  # [T, L] where the lane is to follow the expert, if it knows an action
    action: NDArray[np.generic]  # [T, L] or [T, L, A]
    available: NDArray[np.bool_]  # [T, L]
    policy: NDArray[np.float32] | None = (
        None  # [T, L, A] its probabilities, where a loss asks for them
    )

    @classmethod
    def of(
        cls,
        knobs: Sequence[Knobs],
        generators: Sequence[MemberGenerators],
        lanes: int,
        action: NDArray[np.generic],
        actions: int,
    ) -> Teaching:
        """Draw where a rollout follows the expert. `action` is an empty buffer for what it says, of
        `actions` choices.

        Only a member whose stage forces draws, from a stream of its own.
        """
        wanted = np.zeros((len(action), len(knobs), lanes), bool)
        for member, (row, own) in enumerate(zip(knobs, generators, strict=True)):
            if row.teacher is not None:
                drawn = own.teacher.random(wanted[:, member].shape, np.float32)
                wanted[:, member] = drawn < np.array(row.teacher, np.float32)[:, None]
        flat = wanted.reshape(len(action), -1)
        asked = any(row.needs_expert_policy for row in knobs)
        policy = np.zeros((*flat.shape, actions), np.float32) if asked else None
        return cls(flat, action, np.zeros_like(flat), policy)

    def __call__(self, t: int, advice: Advice, action: NDArray[np.generic]) -> NDArray[np.generic]:
        """The actions `[L]` or `[L, A]` to take at step t, of the agent's `action` and the
        expert's.
        """
        self.action[t] = advice.action
        self.available[t] = advice.available
        if self.policy is not None:
            self.policy[t] = (
                one_hot(advice.action, self.policy.shape[2])
                if advice.policy is None
                else advice.policy
            )
        follow = self.wanted[t] & self.available[t]
        return np.where(follow.reshape(-1, *(1,) * (action.ndim - 1)), self.action[t], action)

    def ratios(self, members: int) -> NDArray[np.float64]:
        """The share of each member's actions that were the expert's, `[K]`."""
        followed = (self.wanted & self.available).reshape(len(self.wanted), members, -1)
        shares: NDArray[np.float64] = followed.mean((0, 2))
        return shares


def one_hot(action_L: NDArray[np.generic], actions: int) -> NDArray[np.float32]:
    """The policy `[L, A]` of an expert that always takes this action."""
    certain: NDArray[np.float32] = (action_L[:, None] == np.arange(actions)).astype(np.float32)
    return certain
