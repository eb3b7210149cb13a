"""The policy of a sweep that names none."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from segue.train.policies.encoders.picture import NATURE_SIDE
from segue.train.policies.mlp import Mlp
from segue.train.policies.network import Network
from segue.train.policies.policy import Policy


def default_policy(observation_space: spaces.Space[object]) -> Policy:
    """Return the default policy for a world.

    It is two perceptrons for boxes of numbers, and a network with embeddings or convolutions for
    other observations and for pictures (bytes, of at least 36 by 36 pixels).
    """
    is_of_numbers = isinstance(observation_space, spaces.Box) and not _is_picture(observation_space)
    return Mlp() if is_of_numbers else Network()


def _is_picture(space: spaces.Box) -> bool:
    """Return whether a box can only be a picture: small boxes of bytes may be views of cells."""
    largest = sorted(space.shape)[-2:]
    return len(space.shape) in (2, 3) and space.dtype == np.uint8 and min(largest) >= NATURE_SIDE
