"""The parts of a network: a trunk, from observations to features, and tops, from these to outputs.

Shapes: K members, N lanes, B samples, O observation numbers, M memory numbers, F features, G gate
inputs, D outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from torch import Tensor

from segue.train.data.batch import Sequences
from segue.train.policies.arrays.activations import Activation, activated
from segue.train.policies.arrays.products import linear
from segue.train.policies.arrays.stacked import Array, as_tensor
from segue.train.policies.cores import Core
from segue.train.policies.cores.core import Drawn, Shapes, Weights
from segue.train.policies.encoders import Encoder
from segue.train.policies.encoders.encoder import Read
from segue.train.policies.flat import entries_of, prefixed
from segue.train.policies.initial import HIDDEN_GAIN, DrawLayer

StepTrunk = Callable[[Tensor, Array], tuple[Tensor, Array]]
"""Observations `[K, N, O]`, memory `[K, N, M]` -> features `[K, N, F]`, memory after the step."""


@dataclass(frozen=True)
class Trunk:
    """An encoder, layers of `widths` units, and a core (None: neither layers nor a core)."""

    encoder: Encoder
    widths: tuple[int, ...]
    core: Core | None
    activation: Activation

    @property
    def features(self) -> int:
        """Number of features, F."""
        return self.encoder.features if self.core is None else self.core.hidden

    @property
    def memory(self) -> int:
        """Number of memory numbers of one lane, M."""
        return 0 if self.core is None else self.core.memory

    @property
    def activations(self) -> int:
        """Floats of encoder, layers, gates and features, and of the two passes through time."""
        core = 0 if self.core is None else (2 * self.core.gates + 3) * self.core.hidden
        return self.encoder.activations + 2 * sum(self.widths) + core

    @property
    def shapes(self) -> Shapes:
        """The parameters by name, without the member axis."""
        own = {} if self.core is None else prefixed("core", self.core.shapes)
        return {**prefixed("encoder", self.encoder.shapes), **_shapes(self._layers), **own}

    def initial(self, generator: np.random.Generator, draw: DrawLayer) -> Drawn:
        """Draw the encoder, layers with gain sqrt(2), gates with gain 1, and the core."""
        drawn = prefixed("encoder", self.encoder.initial(generator, draw))
        for name, (inputs, outputs) in self._layers.items():
            gain = 1.0 if name == _GATES else HIDDEN_GAIN
            drawn[name], drawn[f"{name}_bias"] = draw(generator, inputs, outputs, gain)
        if self.core is not None:
            drawn |= prefixed("core", self.core.initial(generator, draw))
        return drawn

    def step(self, weights: Weights) -> StepTrunk:
        """Return the function that takes one step, without a gradient."""
        read = self._reader(weights)
        core = self.core
        if core is None:
            return lambda observation, memory: (read(observation), memory)
        own = entries_of(weights, "core")

        def step(observation_KNO: Tensor, memory_KNM: Array) -> tuple[Tensor, Array]:
            features, memory = core.step(own, read(observation_KNO), memory_KNM)
            return as_tensor(features), memory

        return step

    def sequence(
        self, weights: Weights, observation_KBO: Tensor, sequences: Sequences | None
    ) -> Tensor:
        """Return the features `[K, B, F]` of whole sequences, differentiable."""
        read = self._reader(weights)(observation_KBO)
        if self.core is None:
            return read
        # Contiguous, since the rounding of products with one column depends on the layout of rows.
        return self.core.sequence(entries_of(weights, "core"), read, sequences).contiguous()

    @cached_property  # read at each step
    def _layers(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of the layers, by name; the last one has the gates' inputs."""
        if self.core is None:
            return {}
        sizes = (self.encoder.features, *self.widths, self.core.gates * self.core.hidden)
        names = [*(f"layer{index}" for index in range(len(self.widths))), _GATES]
        return dict(zip(names, pairwise(sizes), strict=True))

    def _reader(self, weights: Weights) -> Read:
        """Return the function from observations to the gates' inputs, or to the features."""
        encoder = entries_of(weights, "encoder")
        if self.core is None:
            return self.encoder.reader(encoder)
        first, *others = self._layers
        project = self.encoder.projector(encoder, weights[first], weights[f"{first}_bias"])
        if not others:
            return project

        def read(observation_KBO: Tensor) -> Tensor:
            features = project(observation_KBO)
            for name in others:
                active = activated(self.activation, features)
                features = linear(active, weights[name], weights[f"{name}_bias"])
            return features

        return read


@dataclass(frozen=True)
class Top:
    """Layers of `widths` units on features, and a linear layer for all `outputs`.

    `outputs` are numbers of outputs with the gains of their initial weights.
    """

    features: int
    widths: tuple[int, ...]
    outputs: tuple[tuple[int, float], ...]
    activation: Activation

    @property
    def activations(self) -> int:
        """Floats that learning from one sample stores."""
        return 2 * sum(self.widths)

    @property
    def shapes(self) -> Shapes:
        """The parameters by name, without the member axis."""
        return _shapes(self._layers)

    def initial(self, generator: np.random.Generator, draw: DrawLayer) -> Drawn:
        """Draw layers with gain sqrt(2), and each kind of output with its own gain."""
        drawn: Drawn = {}
        for name, (inputs, outputs) in self._layers.items():
            kinds = self.outputs if name == _HEADS else ((outputs, HIDDEN_GAIN),)
            parts = [draw(generator, inputs, width, gain) for width, gain in kinds]
            drawn[name] = np.concatenate([weight for weight, _ in parts], 1)
            drawn[f"{name}_bias"] = np.concatenate([bias for _, bias in parts], 1)
        return drawn

    def __call__(self, weights: Weights, features_KBF: Tensor) -> Tensor:
        """Return the outputs `[K, B, D]`."""
        for name in self._layers:
            features_KBF = linear(features_KBF, weights[name], weights[f"{name}_bias"])
            if name != _HEADS:
                features_KBF = activated(self.activation, features_KBF)
        return features_KBF

    @cached_property  # read at each step
    def _layers(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of the layers, by name."""
        sizes = (self.features, *self.widths, sum(width for width, _ in self.outputs))
        names = [*(f"own{index}" for index in range(len(self.widths))), _HEADS]
        return dict(zip(names, pairwise(sizes), strict=True))


_GATES = "gates"
_HEADS = "heads"


def _shapes(layers: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights and biases of layers."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (inputs, outputs) in layers.items():
        shapes[name] = (inputs, outputs)
        shapes[f"{name}_bias"] = (1, outputs)
    return shapes
