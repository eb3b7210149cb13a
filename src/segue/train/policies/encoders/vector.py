"""Encoder of vectors of numbers: a layer of rectified units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.initial import orthogonal
from segue.train.policies.products import linear


@dataclass(frozen=True)
class Vector(Encoder):
    """`max(0, x W + b)` of `numbers` numbers."""

    numbers: int
    features: int = 128

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores: the inputs and the layer."""
        return self.numbers + self.features

    @property
    def shapes(self) -> Shapes:
        """The weight and the bias of one layer."""
        return {"weight": (self.numbers, self.features), "bias": (1, self.features)}

    def initial(self, generator: np.random.Generator) -> Drawn:
        """Draw an orthogonal weight with gain sqrt(2)."""
        return {"weight": orthogonal(generator, self.numbers, self.features, math.sqrt(2))}

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`."""
        return lambda observation: linear(observation, weights["weight"], weights["bias"]).relu()
