"""Observations of several parts, each with its own encoder.

Shapes: K members, B samples, O observation numbers in all, F features in all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.flat import entries_of
from segue.train.policies.initial import DrawLayer, orthogonal_layer


@dataclass(frozen=True)
class Part:
    """The numbers of an observation that an encoder reads."""

    name: str
    start: int
    stop: int
    encoder: Encoder


@dataclass(frozen=True)
class Several(Encoder):
    """The concatenated features of all parts."""

    parts: tuple[Part, ...]

    @property
    def features(self) -> int:
        """The sum over all parts."""
        return sum(part.encoder.features for part in self.parts)

    @property
    def activations(self) -> int:
        """The sum over all parts."""
        return sum(part.encoder.activations for part in self.parts)

    @property
    def shapes(self) -> Shapes:
        """The parameters of every part, under `part.name`."""
        return {
            f"{part.name}.{name}": shape
            for part in self.parts
            for name, shape in part.encoder.shapes.items()
        }

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Draw the parameters of every part in turn."""
        drawn = [(part.name, part.encoder.initial(generator, draw)) for part in self.parts]
        return {
            f"{name}.{own}": values
            for name, parameters in drawn
            for own, values in parameters.items()
        }

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`."""
        readers = [
            (part, part.encoder.reader(entries_of(weights, part.name))) for part in self.parts
        ]

        def read(observation_KBO: Tensor) -> Tensor:
            return torch.cat(
                [
                    read_part(observation_KBO[..., part.start : part.stop])
                    for part, read_part in readers
                ],
                -1,
            )

        return read
