"""How a network reads observations: from the numbers of one to the inputs of its core.

Shapes: K members, B samples, O observation numbers, F features, D outputs of the product that
follows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from torch import Tensor

from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.products import linear

Read = Callable[[Tensor], Tensor]
"""Observations `[K, B, O]` -> `[K, B, D]`."""


class Encoder(ABC):
    """A differentiable function of observations with parameters of its own; a value."""

    @property
    @abstractmethod
    def features(self) -> int:
        """Number of features, F."""

    @property
    @abstractmethod
    def activations(self) -> int:
        """Floats that learning from one sample keeps at hand."""

    @property
    @abstractmethod
    def shapes(self) -> Shapes:
        """The parameters by name, without the member axis."""

    @abstractmethod
    def initial(self, generator: np.random.Generator) -> Drawn:
        """Those parameters of a new member that do not begin at zero."""

    @abstractmethod
    def reader(self, weights: Weights) -> Read:
        """The function from observations to features `[K, B, F]`; what depends on weights only is
        computed here.
        """

    def projector(self, weights: Weights, matrix_KFD: Tensor, bias_K1D: Tensor | None) -> Read:
        """The function from observations to `features @ matrix + bias`, `[K, B, D]`.

        Encoders with few possible observations do better than to compute the product for each.
        """
        read = self.reader(weights)
        return lambda observation_KBO: linear(read(observation_KBO), matrix_KFD, bias_K1D)
