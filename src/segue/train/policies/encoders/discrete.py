"""Encoder of numbered states: a table of their embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding

from segue.train.policies.arrays.products import linear
from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.initial import DrawLayer, orthogonal_layer


@dataclass(frozen=True)
class Discrete(Encoder):
    """A row of `features` numbers for each of `size` states.

    The rows are drawn from a standard normal distribution.
    """

    size: int
    features: int = 128

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores: one row of the table."""
        return self.features

    @property
    def shapes(self) -> Shapes:
        """The shape of the table of embeddings."""
        return {"table": (self.size, self.features)}

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Draw the table from a standard normal distribution, as `torch.nn.Embedding` does."""
        return {"table": generator.standard_normal((self.size, self.features), np.float32)}

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`."""
        return lambda observation: rows(weights["table"], observation[..., 0])

    def projector(self, weights: Weights, matrix_KFD: Tensor, bias_K1D: Tensor | None) -> Read:
        """See `Encoder.projector`: each state is multiplied once, however often it was seen."""
        table = linear(weights["table"], matrix_KFD, bias_K1D)
        return lambda observation: rows(table, observation[..., 0])


def rows(table_KVD: Tensor, index_KB: Tensor) -> Tensor:
    """Return rows of each member's table, `[K, ..., D]`, for numbers `[K, ...]` below V.

    On a CPU, raise an `IndexError` for other numbers, which would read another member's table. A
    check on a GPU would wait for it.
    """
    members, size = table_KVD.shape[:2]
    if not index_KB.is_cuda:
        _check_numbers(index_KB.detach().numpy(), size)
    offset = (
        torch.arange(members, device=table_KVD.device).view(-1, *(1,) * (index_KB.ndim - 1)) * size
    )
    return embedding(index_KB.long() + offset, table_KVD.flatten(0, 1))


def _check_numbers(index_KB: NDArray[np.generic], size: int) -> None:
    least, greatest = index_KB.min(), index_KB.max()
    if not (least >= 0 and greatest < size):  # false for NaN, too
        wrong = greatest if least >= 0 else least
        raise IndexError(
            f"An observation has the number {wrong:g}, but its space has only the numbers from 0 to"
            f" {size - 1}: correct the environment or its space."
        )
