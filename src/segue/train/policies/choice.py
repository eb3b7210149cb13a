"""The policy of a sweep that names none."""

from __future__ import annotations

from gymnasium import spaces

from segue.train.policies.mlp import Mlp
from segue.train.policies.network import Network
from segue.train.policies.policy import Policy


def default_policy(observation_space: spaces.Space[object]) -> Policy:
    """Two perceptrons for boxes of numbers, a network with embeddings for whatever else is
    observed.
    """
    return Mlp() if isinstance(observation_space, spaces.Box) else Network()
