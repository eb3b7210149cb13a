"""The interface of encoders: from the numbers of an observation to the inputs of the core.

Shapes: K members, B samples, O observation numbers, F features, D outputs of the product that
follows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from torch import Tensor

from segue.train.policies.arrays.products import linear
from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.initial import DrawLayer, orthogonal_layer

Read = Callable[[Tensor], Tensor]
"""Observations `[K, B, O]` -> `[K, B, D]`."""


class Encoder(ABC):
    """A differentiable function of observations, described by a value; it has parameters."""

    @property
    @abstractmethod
    def features(self) -> int:
        """Number of features, F."""

    @property
    @abstractmethod
    def activations(self) -> int:
        """Floats that learning from one sample holds in memory."""

    @property
    @abstractmethod
    def shapes(self) -> Shapes:
        """The parameters by name, without the member axis."""

    @abstractmethod
    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Return the initial parameters of a new member that are not zero; `draw` draws layers."""

    @abstractmethod
    def reader(self, weights: Weights) -> Read:
        """Return the function from observations to features `[K, B, F]`.

        What depends on the weights only is computed here.
        """

    def projector(self, weights: Weights, matrix_KFD: Tensor, bias_K1D: Tensor | None) -> Read:
        """Return the function from observations to `features @ matrix + bias`, `[K, B, D]`.

        Encoders with few possible observations have faster ways than to compute the product for
        each.
        """
        read = self.reader(weights)
        return lambda observation_KBO: linear(read(observation_KBO), matrix_KFD, bias_K1D)
