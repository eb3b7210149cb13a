"""An actor and a critic, two perceptrons of equal hidden layers, for K members at once.

Shapes: K members, B samples, O observation numbers, A outputs of the actor, R parameters of one
perceptron (padded). A member's flat parameters are `[actor's R | critic's R]`, so that both are
rows of the same batched product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from segue.train.autograd import apply
from segue.train.data.batch import PolicyInput
from segue.train.policies.arrays.activations import Activation, check_activation
from segue.train.policies.arrays.one_hot import OneHot
from segue.train.policies.arrays.stacked import (
    Array,
    Layers,
    StackedPerceptrons,
    as_native,
    as_tensor,
)
from segue.train.policies.flat import OF_HEAD
from segue.train.policies.heads import ContinuousActions, Head
from segue.train.policies.initial import (
    ACTOR_GAIN,
    CRITIC_GAIN,
    HIDDEN_GAIN,
    DrawLayer,
    draw_for,
    orthogonal_layer,
)
from segue.train.policies.outputs import Outputs
from segue.train.policies.policy import Act, ActorCritic, Policy, PolicyStep

# floats: rows start at multiples of a cache line, so that vector code does not split a row
LANE = 16
_READABLE = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


@dataclass(frozen=True)
class Mlp(ContinuousActions, Policy):
    """Multilayer perceptrons for vectors and numbered states; actor and critic share nothing.

    Discrete and MultiDiscrete observations are read as ones and zeros, one for each state.

    Attributes:
        hidden: Sizes of the hidden layers, of the actor and of the critic.
        activation: Of the hidden layers: "tanh", "relu", "elu", "silu" or "gelu".
        ortho_init: Whether initial weights are orthogonal, with gains sqrt(2), actor 0.01 and
            critic 1, and biases zero, as in Andrychowicz et al., 2021, "What matters for on-policy
            deep actor-critic methods?", section 3.2; otherwise they are those of `torch.nn.Linear`.
        log_std_init: See `ContinuousActions`, also for the attributes below.
        state_dependent_std: Whether the actor returns the standard deviations of actions.
        squash_output: Whether actions are confined to their bounds.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    ortho_init: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if not all(isinstance(width, int) and width >= 1 for width in self.hidden):
            raise ValueError(
                f"Mlp(hidden={self.hidden!r}): hidden lists the widths of the layers, each at"
                " least 1."
            )
        check_activation(self.activation, "Mlp")

    def build(
        self, observation_space: spaces.Space[object], action_space: spaces.Space[object]
    ) -> Perceptrons:
        """Return the stacked actor-critic for a world of these spaces.

        Raises ValueError if the policy does not support the spaces.
        """
        if not isinstance(observation_space, _READABLE):
            raise ValueError(
                "The policy Mlp reads vectors (a Box space) and numbered states (Discrete,"
                f" MultiDiscrete and MultiBinary), and the world observes {observation_space}:"
                " choose a policy that reads these."
            )
        head = self.head_for(action_space)
        one_hot = OneHot.of(observation_space)
        numbers = math.prod(observation_space.shape or ()) if one_hot is None else one_hot.numbers
        layers = Layers((numbers, *self.hidden, head.size), self.activation)
        return Perceptrons(layers, head, one_hot, draw_for(self.ortho_init))


@dataclass(frozen=True)
class Perceptrons(ActorCritic):
    """An actor and a critic without shared parameters; see `ActorCritic`."""

    layers: Layers
    head: Head
    one_hot: OneHot | None = None
    draw: DrawLayer = orthogonal_layer

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
        for network, last, outputs in (
            (actor, ACTOR_GAIN, self.head.size),
            (critic, CRITIC_GAIN, 1),
        ):
            for i, (weight, bias) in enumerate(network):
                is_last = i == len(network) - 1
                width = outputs if is_last else weight.shape[2]
                gain = last if is_last else HIDDEN_GAIN
                own_weight, own_bias = self.draw(generator, weight.shape[1], width, gain)
                weight[0, :, :width] = torch.from_numpy(own_weight)
                bias[0, :, :width] = torch.from_numpy(own_bias)
        self.extra(flat)[0] = torch.from_numpy(self.head.initial_extra())
        return flat[0]

    def named(self, parameters_KP: Tensor) -> Mapping[str, Tensor]:
        """See `ActorCritic.named`: the layers of the actor and of the critic, without padding."""
        named = {}
        for index, (network, outputs) in enumerate((("actor", self.head.size), ("critic", 1))):
            layers = self.layers.views(self._rows(parameters_KP)[index::2])
            for number, (weight, bias) in enumerate(layers):
                width = outputs if number == len(layers) - 1 else weight.shape[2]
                named[f"{network}.layer{number}"] = weight[..., :width]
                named[f"{network}.layer{number}_bias"] = bias[..., :width]
        return {**named, OF_HEAD: self.extra(parameters_KP)}

    def actor(self, parameters_KP: Tensor) -> Act:
        """See `ActorCritic.actor`; values are left for later, when they are one large product."""
        views = self.layers.views(as_native(self._rows(parameters_KP)[0::2]))
        return lambda observation_KNO, memory: PolicyStep(
            self.layers(views, self._read(observation_KNO)), memory
        )

    def values(self, parameters_KP: Tensor, observation_KBO: Tensor, memory_KBM: Tensor) -> Tensor:
        """See `ActorCritic.values`."""
        views = self.layers.views(as_native(self._rows(parameters_KP)[1::2]))
        return as_tensor(self.layers(views, self._read(as_native(observation_KBO))))[..., 0]

    def extra(self, parameters_KP: Tensor) -> Tensor:
        """See `ActorCritic.extra`."""
        start = self.layers.parameters
        return parameters_KP[:, None, start : start + self.head.extra]

    def outputs(self, parameters_KP: Tensor, seen: PolicyInput) -> Outputs:
        """See `ActorCritic.outputs`."""
        observation = self._read(seen.observation)
        members, samples, numbers = observation.shape
        twice = (
            observation.unsqueeze(1)
            .expand(members, 2, samples, numbers)
            .reshape(-1, samples, numbers)
        )
        out = apply(StackedPerceptrons, self._rows(parameters_KP), twice, self.layers)
        both = out.unflatten(0, (members, 2))
        extra = self.extra(parameters_KP) if self.head.extra else parameters_KP
        return Outputs(self.head, both[:, 0], extra, both[:, 1, :, 0], seen.action)

    def _read(self, observation: Array) -> Array:
        """Return the inputs of the first layer."""
        return observation if self.one_hot is None else self.one_hot(observation)

    def _rows(self, parameters_KP: Tensor) -> Tensor:
        """Return actor and critic of every member as alternating rows `[2K, R]`."""
        return parameters_KP.view(-1, self.row)
