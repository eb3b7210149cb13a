"""An actor and a critic, two perceptrons of equal hidden layers, for K members at once.

Shapes: K members, B samples, O observation numbers, A outputs of the actor, R parameters of one
perceptron (padded). A member's flat parameters are `[actor's R | critic's R]`, so that both are
rows of the same batched product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from segue.train.autograd import apply
from segue.train.data.batch import PolicyInput
from segue.train.policies.heads import Head
from segue.train.policies.initial import orthogonal
from segue.train.policies.outputs import Outputs
from segue.train.policies.policy import Act, ActorCritic, Policy, PolicyStep, head_for
from segue.train.policies.stacked import (
    Activation,
    Layers,
    StackedPerceptrons,
    as_native,
    as_tensor,
)

# floats: rows start at multiples of a cache line, so that vector code does not split a row
LANE = 16


@dataclass(frozen=True)
class Mlp(Policy):
    """Multilayer perceptrons for vector observations.

    Initial weights are orthogonal, with gains sqrt(2), actor 0.01 and critic 1, as in Andrychowicz
    et al., 2021, "What matters for on-policy deep actor-critic methods?", section 3.2.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"

    def __post_init__(self) -> None:
        if not all(isinstance(width, int) and width >= 1 for width in self.hidden):
            raise ValueError(
                f"Mlp(hidden={self.hidden!r}): hidden lists the widths of the layers, each at"
                " least 1."
            )
        if self.activation not in get_args(Activation):
            raise ValueError(
                f"Mlp(activation={self.activation!r}): choose one of"
                f" {', '.join(get_args(Activation))}."
            )

    def build(
        self, observation_space: spaces.Space[object], action_space: spaces.Space[object]
    ) -> Perceptrons:
        """Return the stacked actor-critic for a world of these spaces.

        Raises ValueError if the policy does not support the spaces.
        """
        if not isinstance(observation_space, spaces.Box):
            raise ValueError(
                "The policy Mlp reads vectors (a Box space), and the world observes"
                f" {observation_space}: choose a policy that reads these."
            )
        head = head_for(action_space)
        sizes = (math.prod(observation_space.shape), *self.hidden, head.size)
        return Perceptrons(Layers(sizes, self.activation), head)


@dataclass(frozen=True)
class Perceptrons(ActorCritic):
    """An actor and a critic without shared parameters; see `ActorCritic`."""

    layers: Layers
    head: Head

    @property
    def row(self) -> int:
        """R: parameters of one perceptron and its head, padded to whole cache lines."""
        return -(-(self.layers.parameters + self.head.extra) // LANE) * LANE

    @property
    def parameters(self) -> int:
        """Number of parameters of one member, P: those of both perceptrons."""
        return 2 * self.row

    @property
    def activations(self) -> int:
        """Number of outputs of all layers of one perceptron; the other one has as many."""
        return sum(self.layers.sizes)

    def initial(self, generator: np.random.Generator) -> Tensor:
        """Return the flat parameters `[parameters]` of a new member."""
        flat = torch.zeros(1, self.parameters)
        actor, critic = (self.layers.views(self._rows(flat)[row::2]) for row in (0, 1))
        for network, last, outputs in ((actor, 0.01, self.head.size), (critic, 1.0, 1)):
            for i, (weight, _) in enumerate(network):
                is_last = i == len(network) - 1
                width = outputs if is_last else weight.shape[2]
                gain = last if is_last else math.sqrt(2)
                weight[0, :, :width] = torch.from_numpy(
                    orthogonal(generator, weight.shape[1], width, gain)
                )
        return flat[0]

    def actor(self, parameters_KP: Tensor) -> Act:
        """See `ActorCritic.actor`; values are left for later, when they are one large product."""
        views = self.layers.views(as_native(self._rows(parameters_KP)[0::2]))
        return lambda observation_KNO, memory: PolicyStep(
            self.layers(views, observation_KNO), memory
        )

    def values(self, parameters_KP: Tensor, observation_KBO: Tensor, memory_KBM: Tensor) -> Tensor:
        """See `ActorCritic.values`."""
        views = self.layers.views(as_native(self._rows(parameters_KP)[1::2]))
        return as_tensor(self.layers(views, as_native(observation_KBO)))[..., 0]

    def extra(self, parameters_KP: Tensor) -> Tensor:
        """See `ActorCritic.extra`."""
        start = self.layers.parameters
        return parameters_KP[:, None, start : start + self.head.extra]

    def outputs(self, parameters_KP: Tensor, seen: PolicyInput) -> Outputs:
        """See `ActorCritic.outputs`."""
        members, samples, numbers = seen.observation.shape
        twice = (
            seen.observation.unsqueeze(1)
            .expand(members, 2, samples, numbers)
            .reshape(-1, samples, numbers)
        )
        out = apply(StackedPerceptrons, self._rows(parameters_KP), twice, self.layers)
        both = out.unflatten(0, (members, 2))
        extra = self.extra(parameters_KP) if self.head.extra else parameters_KP
        return Outputs(self.head, both[:, 0], extra, both[:, 1, :, 0], seen.action)

    def _rows(self, parameters_KP: Tensor) -> Tensor:
        """Return actor and critic of every member as alternating rows `[2K, R]`."""
        return parameters_KP.view(-1, self.row)
