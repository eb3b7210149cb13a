"""Teacher forcing: the expert's action replaces the agent's with a scheduled probability.

The choice is made for each lane and step.

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
    """The expert's advice in a rollout, and the steps at which it is followed.

    The expert is queried in every lane, regardless of whether the lane follows it.
    """

    wanted: NDArray[np.bool_]  # [T, L] where the lane is to follow the expert, if available
    action: NDArray[np.generic]  # [T, L] or [T, L, A]
    available: NDArray[np.bool_]  # [T, L]
    policy: NDArray[np.float32] | None = None  # [T, L, A] probabilities, if a loss needs them

    @classmethod
    def of(
        cls,
        knobs: Sequence[Knobs],
        generators: Sequence[MemberGenerators],
        lanes: int,
        action: NDArray[np.generic],
        actions: int,
    ) -> Teaching:
        """Draw where a rollout follows the expert.

        `action` is an empty buffer for the expert's actions, each of `actions` choices. Random
        numbers are drawn only for members whose stage forces, from a separate stream.
        """
        wanted = np.zeros((len(action), len(knobs), lanes), bool)
        for member, (row, own) in enumerate(zip(knobs, generators, strict=True)):
            if row.teacher is not None:
                drawn = own.teacher.random(wanted[:, member].shape, np.float32)
                wanted[:, member] = drawn < np.array(row.teacher, np.float32)[:, None]
        flat = wanted.reshape(len(action), -1)
        needs_policy = any(row.needs_expert_policy for row in knobs)
        policy = np.zeros((*flat.shape, actions), np.float32) if needs_policy else None
        return cls(flat, action, np.zeros_like(flat), policy)

    def __call__(self, t: int, advice: Advice, action: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the actions `[L]` or `[L, A]` to take at step t.

        They are chosen between the agent's `action` and the expert's.
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
        """Return the share of each member's actions that were the expert's, `[K]`."""
        followed = (self.wanted & self.available).reshape(len(self.wanted), members, -1)
        shares: NDArray[np.float64] = followed.mean((0, 2))
        return shares


def one_hot(action_L: NDArray[np.generic], actions: int) -> NDArray[np.float32]:
    """Return the policy `[L, A]` of an expert that always takes this action."""
    certain: NDArray[np.float32] = (action_L[:, None] == np.arange(actions)).astype(np.float32)
    return certain
