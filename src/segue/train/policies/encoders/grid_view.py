"""Encoder of MiniGrid's views: embeddings of kind, colour and state, a convolution, a layer.

Embedding the contents of a cell and convolving is one linear function of the cell's kind, colour
and state as one-hot vectors, which is multiplied out once per update. On a CPU it is multiplied out
for each content that a cell may have, so that a window of the convolution costs a sum of rows, and
on a GPU a window costs a product.

Shapes: K members, B samples, S places of the convolution's window, W cells of the window, V = 198
contents of a cell, C = 20 kinds, colours and states, E numbers of an embedding, F filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.policies.arrays.products import linear
from segue.train.policies.arrays.row_sums import row_sums
from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.initial import HIDDEN_GAIN, DrawLayer, orthogonal_layer

# of MiniGrid, as an image numbers them
KINDS = 11
COLOURS = 6
STATES = 3
_CHANNELS = KINDS + COLOURS + STATES
_SIZES = (KINDS, COLOURS, STATES)
_WINDOW = 3
_STRIDE = 2


@dataclass(frozen=True)
class GridView(Encoder):
    """Embeddings, a convolution and a layer of units for MiniGrid's views.

    Embeddings have `embedding` numbers; the 3x3 convolution with stride 2 has `filters` filters,
    and the layer has `features` units. All units are rectified. Views are `[width, height, 3]`, at
    least 3x3.
    """

    width: int = 7
    height: int = 7
    embedding: int = 16
    filters: int = 64
    features: int = 128

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores: windows, filters and the layer."""
        return self._places * (_WINDOW**2 * _CHANNELS + self.filters) + self.features

    @property
    def shapes(self) -> Shapes:
        """Shapes of the three tables, of the filters and of the layer."""
        return {
            "kinds": (KINDS, self.embedding),
            "colours": (COLOURS, self.embedding),
            "states": (STATES, self.embedding),
            "filters": (_WINDOW**2 * 3 * self.embedding, self.filters),
            "filters_bias": (1, self.filters),
            "weight": (self._places * self.filters, self.features),
            "bias": (1, self.features),
        }

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Draw normal tables, and filters and layer with gain sqrt(2)."""
        tables = ("kinds", "colours", "states")
        drawn = {name: generator.standard_normal(self.shapes[name], np.float32) for name in tables}
        for name, bias in (("filters", "filters_bias"), ("weight", "bias")):
            inputs, outputs = self.shapes[name]
            drawn[name], drawn[bias] = draw(generator, inputs, outputs, HIDDEN_GAIN)
        return drawn

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`.

        On a CPU, the reader raises an `IndexError` where a cell is not one of MiniGrid's: it would
        be read as another. A check on a GPU would wait for it.
        """
        filters = self._filters(weights)
        bias = weights["filters_bias"]
        convolve = by_products(filters, bias) if filters.is_cuda else by_sums(filters, bias)
        cells = self._cells.to(filters.device)

        def read(observation_KBO: Tensor) -> Tensor:
            members, samples, _ = observation_KBO.shape
            if not observation_KBO.is_cuda:
                _check_cells(observation_KBO.detach().numpy())
            seen = observation_KBO.unflatten(-1, (-1, 3))
            code = (seen[..., 0] * COLOURS + seen[..., 1]) * STATES + seen[..., 2]
            windows = code.index_select(2, cells).long().view(members, -1, _WINDOW**2)
            found = convolve(windows).relu()
            return linear(
                found.view(members, samples, -1), weights["weight"], weights["bias"]
            ).relu()

        return read

    @property
    def _places(self) -> int:
        return ((self.width - _WINDOW) // _STRIDE + 1) * ((self.height - _WINDOW) // _STRIDE + 1)

    @property
    def _cells(self) -> Tensor:
        return _window_cells(self.width, self.height)

    def _filters(self, weights: Weights) -> Tensor:
        """Return the filters over one-hot vectors, `[K, W, C, F]`."""
        apart = weights["filters"].unflatten(1, (_WINDOW**2, 3, self.embedding))
        members, cells, _, embedding, filters = apart.shape
        parts = []
        for which, name in enumerate(("kinds", "colours", "states")):
            # The cells of the window side by side, so that a table meets all of them in one
            # product.
            beside = apart[:, :, which].transpose(1, 2).reshape(members, embedding, cells * filters)
            parts.append(linear(weights[name], beside).view(members, -1, cells, filters))
        return torch.cat(parts, 1).transpose(1, 2)


def by_products(filters_KWCF: Tensor, bias_K1F: Tensor) -> Read:
    """Return the convolution of windows `[K, B*S, W]` of contents as one-hot products."""
    one_hot = _one_hot().to(filters_KWCF.device)
    filters = filters_KWCF.flatten(1, 2)

    def convolve(content: Tensor) -> Tensor:
        windows = one_hot.index_select(0, content.flatten())
        return linear(windows.view(*content.shape[:2], -1), filters, bias_K1F)

    return convolve


def by_sums(filters_KWCF: Tensor, bias_K1F: Tensor) -> Read:
    """Return the same convolution as sums over cells, each of a row of its table of contents."""
    members, cells, _, filters = filters_KWCF.shape
    one_hot = _one_hot()
    contents = len(one_hot)
    tables = linear(one_hot.expand(members * cells, -1, -1), filters_KWCF.flatten(0, 1))
    table = tables.view(members, cells * contents, filters)
    start = contents * torch.arange(cells)

    def convolve(content: Tensor) -> Tensor:
        return row_sums(table, content + start, bias_K1F)

    return convolve


def _check_cells(observation_KBO: NDArray[np.generic]) -> None:
    greatest = observation_KBO.max((0, 1)).reshape(-1, 3).max(0)
    least = observation_KBO.min()
    if not (least >= 0 and (greatest < _SIZES).all()):  # false for NaN, too
        raise IndexError(
            "A view has a cell that is not one of MiniGrid's: its numbers begin at 0, and kinds are"
            f" below {KINDS}, colours below {COLOURS} and states below {STATES}, but the least"
            f" number is {least:g} and the greatest are {', '.join(f'{n:g}' for n in greatest)}."
            " Choose another encoder with Network(encoders=...)."
        )


@lru_cache(maxsize=8)
def _window_cells(width: int, height: int) -> Tensor:
    """Return the number of each cell of each window, place by place, `[S*W]`."""
    number = np.arange(width * height).reshape(width, height)
    windows = np.lib.stride_tricks.sliding_window_view(number, (_WINDOW, _WINDOW))[
        ::_STRIDE, ::_STRIDE
    ]
    return torch.from_numpy(windows.reshape(-1).copy())


@lru_cache(maxsize=1)
def _one_hot() -> Tensor:
    """Return the contents of a cell as ones and zeros, `[198, C]`, by its code."""
    kind, rest = np.divmod(np.arange(KINDS * COLOURS * STATES), COLOURS * STATES)
    colour, state = np.divmod(rest, STATES)
    parts = [
        np.eye(size, dtype=np.float32)[which]
        for size, which in zip(_SIZES, (kind, colour, state), strict=True)
    ]
    return torch.from_numpy(np.concatenate(parts, 1))
