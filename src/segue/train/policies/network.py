"""An actor and a critic on encoders of the observations, with or without a memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from gymnasium import spaces

from segue.train.policies.arrays.activations import Activation, check_activation
from segue.train.policies.cores import GRU, LSTM, Core, Dense
from segue.train.policies.encoders import Encoder, encoder_for
from segue.train.policies.heads import ContinuousActions, Head
from segue.train.policies.initial import ACTOR_GAIN, CRITIC_GAIN, draw_for
from segue.train.policies.policy import Policy
from segue.train.policies.stacked_network import StackedNetwork
from segue.train.policies.trunk import Top, Trunk

Memory = Literal["gru", "lstm"]


@dataclass(frozen=True)
class Network(ContinuousActions, Policy):
    """A network of an encoder, a trunk and heads.

    It reads vectors, numbered states (Discrete and MultiDiscrete), bits (MultiBinary), pictures,
    MiniGrid's views, and dictionaries of these with a mission.

    Attributes:
        memory: "gru", "lstm", or None for a layer of units in its place.
        hidden: Units of the memory, or of that layer; or the sizes of several layers, of which the
            last one is the memory. `()` for none: what follows reads the encoders' features, and
            vectors as they are.
        auxiliary: Whether there is a second actor on the trunk, as the loss `Advisor` requires.
        encoders: Encoders in place of the default ones, by the names of a dictionary's entries (""
            for a space that is not a dictionary).
        actor: Sizes of further layers of the actor alone, between the trunk and its outputs.
        critic: Sizes of further layers of the critic alone.
        shared: Whether actor and critic share encoders and trunk; otherwise each has its own.
        activation: Of all these layers, and of the encoders of vectors: "tanh", "relu", "elu",
            "silu" or "gelu".
        ortho_init: Whether initial weights are orthogonal, with gain sqrt(2) for layers, 1 for the
            last layer or memory of the trunk and for the critic, 0.01 for the actor, and biases
            zero; otherwise they are those of `torch.nn.Linear`.
        log_std_init: See `ContinuousActions`, also for the attributes below.
        state_dependent_std: Whether the actor returns the standard deviations of actions.
        squash_output: Whether actions are confined to their bounds.
    """

    memory: Memory | None = None
    hidden: int | tuple[int, ...] = 128
    auxiliary: bool = False
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    actor: tuple[int, ...] = field(default=(), kw_only=True)
    critic: tuple[int, ...] = field(default=(), kw_only=True)
    shared: bool = field(default=True, kw_only=True)
    activation: Activation = field(default="relu", kw_only=True)
    ortho_init: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if self.memory is not None and self.memory not in get_args(Memory):
            raise ValueError(
                f"Network(memory={self.memory!r}): choose one of 'gru', 'lstm' and None."
            )
        if not _are_widths(self._widths):
            raise ValueError(
                f"Network(hidden={self.hidden!r}): hidden is a number of units, at least 1, or a"
                " tuple of these."
            )
        if self.memory is not None and not self._widths:
            raise ValueError(
                f"Network(memory={self.memory!r}, hidden=()): the last number of hidden is that of"
                " the memory's units: give at least one."
            )
        for name in ("actor", "critic"):
            if not _are_widths(getattr(self, name)):
                raise ValueError(
                    f"Network({name}={getattr(self, name)!r}): {name} lists the widths of layers,"
                    " each at least 1."
                )
        check_activation(self.activation, "Network")

    def build(
        self, observation_space: spaces.Space[object], action_space: spaces.Space[object]
    ) -> StackedNetwork:
        """See `Policy.build`."""
        head = self.head_for(action_space)
        of_vectors = self.activation if self._widths else None
        encoder = encoder_for(observation_space, self.encoders, of_vectors)
        trunk = Trunk(encoder, self._widths[:-1], self._core(), self.activation)
        draw = draw_for(self.ortho_init)
        return StackedNetwork(
            trunk, self.shared, self._tops(head, trunk.features), head, self.auxiliary, draw
        )

    @property
    def _widths(self) -> tuple[int, ...]:
        return (self.hidden,) if isinstance(self.hidden, int) else tuple(self.hidden)

    def _core(self) -> Core | None:
        if not self._widths:
            return None
        size = self._widths[-1]
        match self.memory:
            case "gru":
                return GRU(size)
            case "lstm":
                return LSTM(size)
        return Dense(size, self.activation)

    def _tops(self, head: Head, features: int) -> tuple[Top, ...]:
        actor = (head.size, ACTOR_GAIN)
        critic = (1, CRITIC_GAIN)
        second = (actor,) if self.auxiliary else ()
        if self.shared and not self.actor and not self.critic:
            return (Top(features, (), (actor, critic, *second), self.activation),)
        return (
            Top(features, tuple(self.actor), (actor, *second), self.activation),
            Top(features, tuple(self.critic), (critic,), self.activation),
        )


def _are_widths(widths: Sequence[object]) -> bool:
    return not isinstance(widths, str) and all(
        isinstance(width, int) and width >= 1 for width in widths
    )
