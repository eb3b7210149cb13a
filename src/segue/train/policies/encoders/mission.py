"""Encoder of missions: words by number, 0 where there is none.

Shapes: K members, B samples, W words at most, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.discrete import rows
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.initial import DrawLayer, orthogonal_layer


@dataclass(frozen=True)
class Mission(Encoder):
    """The sum of `max(0, word + place)` over the words: rows of two tables, so that order counts.

    Rows are drawn so that a sum over few words has a variance of about one.
    """

    vocabulary: int
    words: int
    features: int = 32

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores: two rows for each word."""
        return 2 * self.words * self.features

    @property
    def shapes(self) -> Shapes:
        """A row for each word and each place; word 0 means that there is no word."""
        return {"table": (self.vocabulary, self.features), "places": (self.words, self.features)}

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Draw both tables from a normal distribution with standard deviation 1/2."""
        half = np.float32(0.5)
        return {
            name: half * generator.standard_normal(shape, np.float32)
            for name, shape in self.shapes.items()
        }

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`."""

        def read(observation_KBW: Tensor) -> Tensor:
            spoken = (observation_KBW > 0).unsqueeze(-1)
            placed = rows(weights["table"], observation_KBW) + weights["places"].unsqueeze(1)
            features: Tensor = (placed.relu() * spoken).sum(2)
            return features

        return read
