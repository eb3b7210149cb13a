"""The layer between a network's encoder and its heads.

Shapes: K members, N lanes, T steps, H hidden units, G gate inputs, M memory numbers of a lane.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segue.train.data.batch import Sequences
from segue.train.policies.arrays.stacked import Array
from segue.train.policies.initial import DrawLayer, orthogonal_layer

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
Weights: TypeAlias = Mapping[str, Tensor]
Drawn: TypeAlias = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Core(ABC):
    """A layer from the gates' inputs to H features, step by step.

    The inputs are already multiplied with the input weights.
    """

    hidden: int

    @property
    @abstractmethod
    def gates(self) -> int:
        """Number of gate inputs, G, as a multiple of H."""

    @property
    @abstractmethod
    def memory(self) -> int:
        """Number of memory numbers of one lane, M."""

    @property
    def shapes(self) -> Shapes:
        """The core's own parameters by name, without the member axis."""
        return {"recurrent": (self.hidden, self.gates * self.hidden)}

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Return recurrent weights with gain 1, one matrix for all gates."""
        return {"recurrent": draw(generator, self.hidden, self.gates * self.hidden, 1.0)[0]}

    @abstractmethod
    def step(self, weights: Weights, gates_KNG: Tensor, memory_KNM: Array) -> tuple[Array, Array]:
        """Return the features `[K, N, H]` and the memory after one step, without a gradient.

        The gates' inputs may be overwritten.
        """

    @abstractmethod
    def sequence(self, weights: Weights, gates_KBG: Tensor, sequences: Sequences | None) -> Tensor:
        """Return features `[K, B, H]` of whole sequences, differentiable."""
