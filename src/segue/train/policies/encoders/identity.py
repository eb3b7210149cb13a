"""No encoder: numbers are features as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.initial import DrawLayer, orthogonal_layer


@dataclass(frozen=True)
class Identity(Encoder):
    """The numbers of a vector, without a layer; for a `Network` without a trunk (`hidden=()`)."""

    numbers: int

    @property
    def features(self) -> int:
        """Number of features: the numbers."""
        return self.numbers

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores: the numbers."""
        return self.numbers

    @property
    def shapes(self) -> Shapes:
        """There are no parameters."""
        return {}

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Return nothing: there is nothing to draw."""
        return {}

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`."""
        return lambda observation: observation
