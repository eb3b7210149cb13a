"""No memory: one layer of rectified units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segue.train.data.batch import Sequences
from segue.train.policies.cores.core import Core, Drawn, Shapes, Weights
from segue.train.policies.stacked import Array, as_native


@dataclass(frozen=True)
class Dense(Core):
    """`h = max(0, gates)`."""

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

    def initial(self, generator: np.random.Generator) -> Drawn:
        """Return nothing: there is nothing to draw."""
        return {}

    def step(self, weights: Weights, gates_KNG: Tensor, memory_KNM: Array) -> tuple[Array, Array]:
        """See `Core.step`."""
        return as_native(gates_KNG.relu()), memory_KNM

    def sequence(self, weights: Weights, gates_KBG: Tensor, sequences: Sequences | None) -> Tensor:
        """See `Core.sequence`."""
        return torch.relu(gates_KBG)
