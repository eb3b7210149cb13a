"""Encoder of vectors of numbers: one layer of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.train.policies.arrays.activations import Activation, activated
from segue.train.policies.arrays.products import linear
from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.initial import HIDDEN_GAIN, DrawLayer, orthogonal_layer


@dataclass(frozen=True)
class Vector(Encoder):
    """A layer of units on `numbers` numbers: `max(0, x W + b)`, or another activation."""

    numbers: int
    features: int = 128
    activation: Activation = "relu"

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores: the inputs and the layer."""
        return self.numbers + self.features

    @property
    def shapes(self) -> Shapes:
        """The weight and the bias of one layer."""
        return {"weight": (self.numbers, self.features), "bias": (1, self.features)}

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Draw the layer with gain sqrt(2)."""
        weight, bias = draw(generator, self.numbers, self.features, HIDDEN_GAIN)
        return {"weight": weight, "bias": bias}

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`."""
        return lambda observation: activated(
            self.activation, linear(observation, weights["weight"], weights["bias"])
        )
