"""Encoder of pictures: convolutions and a layer, all rectified.

Shapes: K members, B samples, O = height * width * channels numbers, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor
from torch.nn.functional import conv2d

from segue.train.policies.arrays.products import linear
from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders.encoder import Encoder, Read
from segue.train.policies.initial import HIDDEN_GAIN, DrawLayer, orthogonal_layer

Convolution: TypeAlias = tuple[int, int, int]
"""Number of filters, side of their square kernels, stride."""

NATURE: tuple[Convolution, ...] = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Those of Mnih et al., 2015, "Human-level control through deep reinforcement learning"."""
NATURE_SIDE = 36
"""The least side of pictures for which they are used."""
_BY_SIDE = (
    (NATURE_SIDE, NATURE),
    (15, ((32, 3, 2), (64, 3, 2), (64, 3, 1))),
    (5, ((32, 3, 1), (64, 3, 2))),
)
"""Convolutions by the least side of the pictures from which they are used."""
LEAST_SIDE = _BY_SIDE[-1][0]


@dataclass(frozen=True)
class Picture(Encoder):
    """Convolutions, and a layer of `features` units; all units are rectified.

    Attributes:
        height: Rows of pixels.
        width: Columns of pixels.
        channels: Numbers of a pixel: colours, or those of several frames.
        channels_first: Whether an observation is `[channels, height, width]`, not `[height, width,
            channels]`.
        features: Units of the last layer.
        convolutions: Filters, kernel and stride of each convolution; None for those of Mnih et al.,
            2015, where the smaller side has 36 pixels or more (32 filters 8x8 with stride 4, 64
            filters 4x4 with stride 2, 64 filters 3x3), from 15 pixels on 32 filters 3x3 with stride
            2, 64 filters 3x3 with stride 2 and 64 filters 3x3, and from 5 pixels on 32 filters 3x3
            and 64 filters 3x3 with stride 2.
        scale: Factor on the numbers: 1/255 for bytes.
    """

    height: int
    width: int
    channels: int
    channels_first: bool = False
    features: int = 512
    convolutions: tuple[Convolution, ...] | None = None
    scale: float = 1 / 255

    def __post_init__(self) -> None:
        side = min(self.height, self.width)
        if self.convolutions is None and side < LEAST_SIDE:
            raise ValueError(
                f"Picture(height={self.height}, width={self.width}): pictures below {LEAST_SIDE}x"
                f"{LEAST_SIDE} have no default convolutions: give convolutions=((filters, kernel,"
                " stride), ...)."
            )
        if min(min(size) for size in self._sizes) < 1:
            raise ValueError(
                f"Picture(height={self.height}, width={self.width}, convolutions="
                f"{self.convolutions!r}): the kernels are larger than what they are applied to:"
                " choose smaller kernels or strides."
            )

    @classmethod
    def of(cls, space: spaces.Box) -> Picture:
        """Return the encoder of a box of two or three dimensions.

        The smallest of three dimensions is that of the channels, as in Stable-Baselines3. Numbers
        that are not bytes are not scaled.
        """
        shape = space.shape if len(space.shape) == 3 else (*space.shape, 1)
        scale = 1 / 255 if space.dtype == np.uint8 else 1.0
        channels_first = int(np.argmin(shape)) == 0
        height, width = shape[1:] if channels_first else shape[:2]
        channels = shape[0] if channels_first else shape[2]
        return cls(height, width, channels, channels_first, scale=scale)

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores: pixels, filters and the layer."""
        filters = [
            count * height * width
            for (count, _, _), (height, width) in zip(self._layers, self._sizes[1:], strict=True)
        ]
        return self.height * self.width * self.channels + 2 * sum(filters) + self.features

    @property
    def shapes(self) -> Shapes:
        """The shapes of the filters, input by input, and of the layer."""
        shapes: dict[str, tuple[int, ...]] = {}
        channels = self.channels
        for index, (count, kernel, _) in enumerate(self._layers):
            shapes[f"filters{index}"] = (channels * kernel * kernel, count)
            shapes[f"filters{index}_bias"] = (1, count)
            channels = count
        height, width = self._sizes[-1]
        shapes["weight"] = (channels * height * width, self.features)
        shapes["bias"] = (1, self.features)
        return shapes

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """Draw filters and layer with gain sqrt(2)."""
        drawn: Drawn = {}
        for name, bias in self._names:
            inputs, outputs = self.shapes[name]
            drawn[name], drawn[bias] = draw(generator, inputs, outputs, HIDDEN_GAIN)
        return drawn

    def reader(self, weights: Weights) -> Read:
        """See `Encoder.reader`; members are computed one by one, which is faster than together.

        docs/decisions/0021-policies.md has what was measured.
        """
        *convolutions, layer = self._names
        filters = [self._filters(weights, index) for index in range(len(convolutions))]
        biases = [weights[bias].unbind(0) for _, bias in convolutions]
        strides = [stride for _, _, stride in self._layers]

        def read_member(member: int, observation_BO: Tensor) -> Tensor:
            seen = self._pixels(observation_BO)
            for kernels, bias, stride in zip(filters, biases, strides, strict=True):
                seen = conv2d(seen, kernels[member], bias[member][0], stride).relu_()
            return seen.flatten(1)

        def read(observation_KBO: Tensor) -> Tensor:
            rows = [read_member(*each) for each in enumerate(observation_KBO.unbind(0))]
            seen = torch.stack(rows)
            return linear(seen, weights[layer[0]], weights[layer[1]]).relu()

        return read

    @property
    def _layers(self) -> tuple[Convolution, ...]:
        if self.convolutions is not None:
            return self.convolutions
        side = min(self.height, self.width)
        return next(layers for least, layers in _BY_SIDE if side >= least)

    @property
    def _names(self) -> list[tuple[str, str]]:
        """Names of the weight and the bias of every layer."""
        filters = [f"filters{index}" for index in range(len(self._layers))]
        return [*((name, f"{name}_bias") for name in filters), ("weight", "bias")]

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        """Height and width before the first convolution and after each."""
        sizes = [(self.height, self.width)]
        for _, kernel, stride in self._layers:
            height, width = ((side - kernel) // stride + 1 for side in sizes[-1])
            sizes.append((height, width))
        return sizes

    def _pixels(self, observation_BO: Tensor) -> Tensor:
        """Return pictures `[B, channels, height, width]`."""
        if self.channels_first:
            seen = observation_BO.view(-1, self.channels, self.height, self.width)
            # learning is up to 1.4 times faster, acting 1.1 times slower
            return seen.contiguous(memory_format=torch.channels_last)
        seen = observation_BO.view(-1, self.height, self.width, self.channels)
        return seen.permute(0, 3, 1, 2)

    def _filters(self, weights: Weights, index: int) -> list[Tensor]:
        """Return each member's kernels of a convolution, `[filters, inputs, kernel, kernel]`.

        The first ones are multiplied by the scale of the numbers. They are copies, since rounding
        may depend on the layout of matrices in memory.
        """
        count, kernel, _ = self._layers[index]
        matrices = weights[f"filters{index}"]
        if index == 0 and self.scale != 1:
            matrices = matrices * self.scale
        return [
            matrix.T.reshape(count, -1, kernel, kernel).contiguous()
            for matrix in matrices.unbind(0)
        ]
