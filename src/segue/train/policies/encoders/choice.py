"""Choose the encoder of a space."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from segue.base.suggestions import suggestion
from segue.train.policies.arrays.activations import Activation
from segue.train.policies.encoders.discrete import Discrete
from segue.train.policies.encoders.encoder import Encoder
from segue.train.policies.encoders.grid_view import COLOURS, KINDS, STATES, GridView
from segue.train.policies.encoders.identity import Identity
from segue.train.policies.encoders.mission import Mission
from segue.train.policies.encoders.picture import NATURE_SIDE, Picture
from segue.train.policies.encoders.several import Part, Several
from segue.train.policies.encoders.vector import Vector
from segue.worlds.adapters.spaces import fields

MISSION = "mission"
_ENTRY = 16  # features of a number that is an entry among others


def encoder_for(
    observation_space: spaces.Space[object],
    chosen: Mapping[str, Encoder],
    activation: Activation | None = "relu",
) -> Encoder:
    """Return the default encoder of a space, or the `chosen` ones.

    `activation` is that of the default encoders of vectors; None: vectors are not encoded. `chosen`
    maps the names of a dictionary's entries to encoders ("" for other spaces). Raises ValueError
    for a name that the space lacks, and for a space without an encoder.
    """
    parts = fields(observation_space)
    for name in chosen:
        if name not in (known := [part.name for part in parts]):
            raise ValueError(
                f"Network has an encoder for {name!r}, which is not observed:"
                f" {suggestion(name, known)}"
            )
    if not isinstance(observation_space, spaces.Dict):
        return chosen.get("") or usual(observation_space, "", activation)
    encoders = [chosen.get(part.name) or usual(part.space, part.name, activation) for part in parts]
    return Several(
        tuple(
            Part(part.name, part.start, part.stop, own)
            for part, own in zip(parts, encoders, strict=True)
        )
    )


def usual(space: spaces.Space[object], name: str, activation: Activation | None) -> Encoder:
    """Return the default encoder of a space; `name` is that of a dictionary's entry."""
    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n), _ENTRY) if name else Discrete(int(space.n))
    if isinstance(space, spaces.MultiDiscrete) and name == MISSION:
        return Mission(int(space.nvec.max()), len(space.nvec))
    if isinstance(space, spaces.MultiDiscrete):
        return Several(
            tuple(
                Part(str(index), index, index + 1, Discrete(int(size), _ENTRY))
                for index, size in enumerate(space.nvec.reshape(-1))
            )
        )
    if isinstance(space, spaces.Box) and is_grid_view(space):
        return GridView(*space.shape[:2])
    if isinstance(space, spaces.Box | spaces.MultiBinary) and len(space.shape) <= 1:
        numbers = math.prod(space.shape)
        return Identity(numbers) if activation is None else Vector(numbers, activation=activation)
    what = f"{space}{f' as {name!r}' if name else ''}"
    if isinstance(space, spaces.Box) and is_picture(space):
        return picture_encoder(space, name, what)
    raise ValueError(
        "The policy Network reads vectors, numbered states, bits, pictures, MiniGrid's views and"
        f" dictionaries of these, and the world observes {what}: give it an encoder for that, or"
        " use Module with a torch.nn.Module of your own."
    )


def picture_encoder(space: spaces.Box, name: str, what: str) -> Encoder:
    """Return the encoder of pictures; raise ValueError where they may be MiniGrid's cells."""
    encoder = Picture.of(space)
    small = min(encoder.height, encoder.width) < NATURE_SIDE
    if small and _has_three_bytes(space):
        size = f"{encoder.height}, {encoder.width}"
        raise ValueError(
            f"The world observes {what}, which may be colours or the kinds, colours and states of"
            f" MiniGrid's cells: write Network(encoders={{{name!r}: Picture({size}, 3)}}) for"
            f" colours, or Network(encoders={{{name!r}: GridView({size})}}) for cells."
        )
    return encoder


def is_picture(space: spaces.Box) -> bool:
    """Return whether a box has the dimensions of pictures: rows, columns and channels."""
    return len(space.shape) in (2, 3)


def _has_three_bytes(space: spaces.Box) -> bool:
    return space.dtype == np.uint8 and len(space.shape) == 3 and space.shape[2] == 3


def is_grid_view(space: spaces.Box) -> bool:
    """Return whether a space is that of MiniGrid's views: its bounds are those of their cells."""
    cells = np.array([KINDS, COLOURS, STATES])
    return (
        _has_three_bytes(space) and min(space.shape[:2]) >= 3 and bool((space.high < cells).all())
    )
