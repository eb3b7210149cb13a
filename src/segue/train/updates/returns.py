"""Advantages of a rollout.

Shapes: T steps, K members, N lanes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def gae(
    reward_TKN: Floats,
    value_TKN: Floats,
    next_value_TKN: Floats,
    terminated_TKN: Bools,
    ended_TKN: Bools,
    gamma_K: Floats,
    gae_lambda_K: Floats,
) -> Floats:
    """Return generalised advantage estimates `[T, K, N]` (Schulman et al., 2016, eq. 16).

        delta_t = r_t + gamma * (1 - terminated_t) * v_{t+1} - v_t
        A_t     = delta_t + gamma * lambda * (1 - ended_t) * A_{t+1}

    Each member has its own discount and lambda. A truncated episode ends (no A_{t+1}) and still
    bootstraps: `next_value_TKN` holds the value of its last observation there, not that of the next
    episode's first. With lambda = 1, A + v is the plain discounted return, bootstrapped at the end.
    """
    gamma = gamma_K[:, None]
    advantage = reward_TKN - value_TKN
    advantage += gamma * next_value_TKN * ~terminated_TKN
    carry_TKN = (gamma * gae_lambda_K[:, None]) * ~ended_TKN
    carried = np.empty_like(advantage[0])
    for t in range(len(advantage) - 2, -1, -1):
        np.multiply(carry_TKN[t], advantage[t + 1], out=carried)
        advantage[t] += carried
    return advantage
