"""No memory: one layer of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from segue.train.data.batch import Sequences
from segue.train.policies.arrays.activations import Activation, activated
from segue.train.policies.arrays.stacked import Array, as_native
from segue.train.policies.cores.core import Core, Drawn, Shapes, Weights
from segue.train.policies.initial import DrawLayer, orthogonal_layer


@dataclass(frozen=True)
class Dense(Core):
    """`h = max(0, gates)`, or another activation of the gates."""

    activation: Activation = "relu"

    @property
    def gates(self) -> int:
        """The layer's inputs are its gates."""
        return 1

    @property
    def memory(self) -> int:
        """Number of memory numbers: none."""
        return 0

    @property
    def shapes(self) -> Shapes:
        """The core has no parameters."""
        return {}

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Return nothing: there is nothing to draw."""
        return {}

    def step(self, weights: Weights, gates_KNG: Tensor, memory_KNM: Array) -> tuple[Array, Array]:
        """See `Core.step`."""
        return as_native(activated(self.activation, gates_KNG)), memory_KNM

    def sequence(self, weights: Weights, gates_KBG: Tensor, sequences: Sequences | None) -> Tensor:
        """See `Core.sequence`."""
        return activated(self.activation, gates_KBG)
