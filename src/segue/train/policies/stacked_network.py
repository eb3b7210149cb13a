"""The networks of K members: an actor and a critic on one trunk, or on one trunk each.

Shapes: K members, N lanes, B samples, O observation numbers, M memory numbers, A outputs of an
actor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from segue.train.data.batch import PolicyInput
from segue.train.policies.arrays.stacked import Array, array_module, as_native, as_tensor
from segue.train.policies.cores.core import Drawn, Weights
from segue.train.policies.flat import OF_HEAD, Flat, entries_of, prefixed
from segue.train.policies.heads import Head
from segue.train.policies.initial import DrawLayer, orthogonal_layer
from segue.train.policies.outputs import Outputs
from segue.train.policies.policy import Act, JointActorCritic, PolicyStep
from segue.train.policies.trunk import Top, Trunk

T = TypeVar("T")
_BOTH = ("actor", "critic")


@dataclass(frozen=True)
class StackedNetwork(JointActorCritic):
    """See `ActorCritic`.

    With one top, one product gives the inputs of the actor, the value, and the second actor's
    inputs; with two, the first one is the actor's (and the second actor's), the other the critic's.
    """

    trunk: Trunk
    shared: bool
    tops: tuple[Top, ...]
    head: Head
    has_auxiliary: bool = False
    draw: DrawLayer = orthogonal_layer

    @property
    def parameters(self) -> int:
        """Number of parameters of one member, P."""
        return self._flat.size

    @property
    def activations(self) -> int:
        """Floats of all trunks and tops."""
        trunks = len(self._trunk_names) * self.trunk.activations
        return trunks + sum(top.activations for top in self.tops)

    @property
    def memory(self) -> int:
        """Number of memory numbers of one lane, M: those of all trunks, one after another."""
        return len(self._trunk_names) * self.trunk.memory

    def initial(self, generator: np.random.Generator) -> Tensor:
        """Draw the tops, then the trunks; see `Network.ortho_init`."""
        drawn: Drawn = {OF_HEAD: self.head.initial_extra()}
        for name, top in zip(self._top_names, self.tops, strict=True):
            drawn |= _named(name, top.initial(generator, self.draw))
        for name in self._trunk_names:
            drawn |= _named(name, self.trunk.initial(generator, self.draw))
        return self._flat.pack(drawn)

    def named(self, parameters_KP: Tensor) -> Weights:
        """See `ActorCritic.named`."""
        return self._flat.unpack(parameters_KP)

    @torch.no_grad()
    def actor(self, parameters_KP: Tensor) -> Act:
        """See `ActorCritic.actor`."""
        weights = self._flat.unpack(parameters_KP.detach())
        steps = [self.trunk.step(_entries(weights, name)) for name in self._trunk_names]
        tops = self._tops(weights)
        size = self.trunk.memory

        @torch.no_grad()
        def act(observation_KNO: Array, memory_KNM: Array) -> PolicyStep:
            observation = as_tensor(observation_KNO)
            if len(steps) == 1:
                features, memory = steps[0](observation, memory_KNM)
                both = [features]
            else:
                parts = [memory_KNM[..., :size], memory_KNM[..., size:]]
                pairs = [step(observation, part) for step, part in zip(steps, parts, strict=True)]
                both = [features for features, _ in pairs]
                memory = array_module(memory_KNM).concatenate([after for _, after in pairs], -1)
            inputs, value, _ = self._parted(tops, both)
            return PolicyStep(as_native(inputs), memory, as_native(value))

        return act

    def outputs(self, parameters_KP: Tensor, seen: PolicyInput) -> Outputs:
        """See `ActorCritic.outputs`."""
        weights = self._flat.unpack(parameters_KP)
        size = self.trunk.memory
        features = []
        for index, name in enumerate(self._trunk_names):
            sequences = seen.sequences
            if sequences is not None and not self.shared:
                own = sequences.memory[..., index * size : (index + 1) * size]
                sequences = sequences._replace(memory=own)
            features.append(
                self.trunk.sequence(_entries(weights, name), seen.observation, sequences)
            )
        inputs, value, auxiliary = self._parted(self._tops(weights), features)
        return Outputs(
            self.head,
            inputs,
            weights[OF_HEAD],
            value,
            seen.action,
            auxiliary if self.has_auxiliary else None,
        )

    @property
    def _trunk_names(self) -> tuple[str, ...]:
        return ("",) if self.shared else _BOTH

    @property
    def _top_names(self) -> tuple[str, ...]:
        return ("",) if len(self.tops) == 1 else _BOTH

    def _tops(self, weights: Weights) -> list[tuple[Top, Weights]]:
        return [
            (top, _entries(weights, name))
            for name, top in zip(self._top_names, self.tops, strict=True)
        ]

    def _parted(
        self, tops: Sequence[tuple[Top, Weights]], features: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of the actor, the values, and the second actor's inputs."""
        size = self.head.size
        first = tops[0][0](tops[0][1], features[0])
        if len(tops) == 1:
            return first[..., :size], first[..., size], first[..., size + 1 :]
        value = tops[1][0](tops[1][1], features[-1])
        return first[..., :size], value[..., 0], first[..., size:]

    @cached_property
    def _flat(self) -> Flat:
        shapes: dict[str, tuple[int, ...]] = {}
        for name in self._trunk_names:
            shapes |= _named(name, self.trunk.shapes)
        for name, top in zip(self._top_names, self.tops, strict=True):
            shapes |= _named(name, top.shapes)
        return Flat({**shapes, OF_HEAD: (1, self.head.extra)})


def _named(prefix: str, own: Mapping[str, T]) -> dict[str, T]:
    return prefixed(prefix, own) if prefix else dict(own)


def _entries(weights: Weights, prefix: str) -> Weights:
    return entries_of(weights, prefix) if prefix else weights
