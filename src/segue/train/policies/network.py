"""An actor and a critic on one trunk, with or without a memory, for K members at once.

Shapes: K members, N lanes, B samples, O observation numbers, M memory numbers, H hidden units, G
gate inputs, A outputs of an actor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from segue.train.data.batch import PolicyInput
from segue.train.policies.cores import GRU, LSTM, Core, Dense
from segue.train.policies.cores.core import Shapes, Weights
from segue.train.policies.encoders import Encoder, encoder_for
from segue.train.policies.flat import Flat, entries_of
from segue.train.policies.heads import Head
from segue.train.policies.initial import orthogonal
from segue.train.policies.outputs import Outputs
from segue.train.policies.policy import Act, JointActorCritic, Policy, PolicyStep, head_for
from segue.train.policies.products import linear
from segue.train.policies.stacked import Array, as_native, as_tensor

Memory = Literal["gru", "lstm"]
_CORES: Mapping[Memory | None, type[Core]] = {None: Dense, "gru": GRU, "lstm": LSTM}


@dataclass(frozen=True)
class Network(Policy):
    """A network of an encoder, a core and heads.

    It reads vectors, numbered states (Discrete and MultiDiscrete), MiniGrid's views, and
    dictionaries of these with a mission.

    Attributes:
        memory: "gru", "lstm", or None for a layer of rectified units in its place.
        hidden: Units of the memory, or of that layer.
        auxiliary: Whether there is a second actor on the trunk, as the loss `Advisor` requires.
        encoders: Encoders in place of the default ones, by the names of a dictionary's entries (""
            for a space that is not a dictionary).
    """

    memory: Memory | None = None
    hidden: int = 128
    auxiliary: bool = False
    encoders: Mapping[str, Encoder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.memory is not None and self.memory not in get_args(Memory):
            raise ValueError(
                f"Network(memory={self.memory!r}): choose one of 'gru', 'lstm' and None."
            )
        if not isinstance(self.hidden, int) or self.hidden < 1:
            raise ValueError(
                f"Network(hidden={self.hidden!r}): hidden is a number of units, at least 1."
            )

    def build(
        self, observation_space: spaces.Space[object], action_space: spaces.Space[object]
    ) -> StackedNetwork:
        """See `Policy.build`."""
        encoder = encoder_for(observation_space, self.encoders)
        return StackedNetwork(
            encoder, _CORES[self.memory](self.hidden), head_for(action_space), self.auxiliary
        )


@dataclass(frozen=True)
class StackedNetwork(JointActorCritic):
    """See `ActorCritic`.

    One product gives the inputs of the actor, the value, and the second actor's inputs.
    """

    encoder: Encoder
    core: Core
    head: Head
    has_auxiliary: bool = False

    @property
    def parameters(self) -> int:
        """Number of parameters of one member, P."""
        return self._flat.size

    @property
    def activations(self) -> int:
        """Floats of encoder, gates and features, and of the two passes through time."""
        core = (2 * self.core.gates + 3) * self.core.hidden
        return self.encoder.activations + core

    @property
    def memory(self) -> int:
        """Number of memory numbers of one lane, M."""
        return self.core.memory

    def initial(self, generator: np.random.Generator) -> Tensor:
        """Draw orthogonal layers: gain 1 into all gates, 0.01 for actors, 1 for the critic."""
        hidden = self.core.hidden
        features = self.encoder.features
        widths = [
            (self.head.size, 0.01),
            (1, 1.0),
            *([(self.head.size, 0.01)] if self.has_auxiliary else []),
        ]
        heads = [orthogonal(generator, hidden, width, gain) for width, gain in widths]
        return self._flat.pack(
            {
                **_prefixed("encoder", self.encoder.initial(generator)),
                "gates": orthogonal(generator, features, self.core.gates * hidden, 1.0),
                **_prefixed("core", self.core.initial(generator)),
                "heads": np.concatenate(heads, 1),
            }
        )

    @torch.no_grad()
    def actor(self, parameters_KP: Tensor) -> Act:
        """See `ActorCritic.actor`."""
        weights = self._flat.unpack(parameters_KP.detach())
        project = self._projector(weights)
        core = entries_of(weights, "core")
        size = self.head.size

        @torch.no_grad()
        def act(observation_KNO: Array, memory_KNM: Array) -> PolicyStep:
            features, memory = self.core.step(core, project(as_tensor(observation_KNO)), memory_KNM)
            out = as_native(linear(as_tensor(features), weights["heads"], weights["heads_bias"]))
            return PolicyStep(out[..., :size], memory, out[..., size])

        return act

    def outputs(self, parameters_KP: Tensor, seen: PolicyInput) -> Outputs:
        """See `ActorCritic.outputs`."""
        weights = self._flat.unpack(parameters_KP)
        gates = self._projector(weights)(seen.observation)
        features = self.core.sequence(entries_of(weights, "core"), gates, seen.sequences)
        out = linear(features, weights["heads"], weights["heads_bias"])
        size = self.head.size
        auxiliary = out[..., size + 1 :] if self.has_auxiliary else None
        return Outputs(
            self.head, out[..., :size], weights["extra"], out[..., size], seen.action, auxiliary
        )

    @cached_property
    def _flat(self) -> Flat:
        gates = self.core.gates * self.core.hidden
        outputs = self.head.size * (1 + self.has_auxiliary) + 1
        shapes: dict[str, tuple[int, ...]] = {
            **_prefixed("encoder", self.encoder.shapes),
            "gates": (self.encoder.features, gates),
            "gates_bias": (1, gates),
            **_prefixed("core", self.core.shapes),
            "heads": (self.core.hidden, outputs),
            "heads_bias": (1, outputs),
            "extra": (1, self.head.extra),
        }
        return Flat(shapes)

    def _projector(self, weights: Weights) -> Any:
        return self.encoder.projector(
            entries_of(weights, "encoder"), weights["gates"], weights["gates_bias"]
        )


def _prefixed(prefix: str, named: Mapping[str, Any] | Shapes) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in named.items()}
