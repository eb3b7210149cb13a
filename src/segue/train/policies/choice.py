"""The policy of a sweep that names none."""

from __future__ import annotations

from gymnasium import spaces

from segue.train.policies.mlp import Mlp
from segue.train.policies.network import Network
from segue.train.policies.policy import Policy


def default_policy(observation_space: spaces.Space[object]) -> Policy:
    """Return the default policy for a world.

    It is two perceptrons for boxes of numbers, and a network with embeddings for other
    observations.
    """
    return Mlp() if isinstance(observation_space, spaces.Box) else Network()
