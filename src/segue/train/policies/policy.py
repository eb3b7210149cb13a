"""The interface of policies.

A policy is a value that describes how to build it, and functions of the flat parameters of K
members.

Shapes: K members, P parameters of a member, N lanes, B samples, O observation numbers, M memory
numbers of a lane, A outputs of the actor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from torch import Tensor

from segue.train.data.batch import PolicyInput
from segue.train.policies.arrays.stacked import Array, as_native, as_tensor
from segue.train.policies.heads import Head
from segue.train.policies.outputs import Outputs


class PolicyStep(NamedTuple):
    """The outputs of a policy at one step; arrays as `as_native` returns them."""

    inputs: Array  # [K, N, A] what the head draws actions from
    memory: Array  # [K, N, M] after the step
    value: Array | None = None  # [K, N], where acting computes it anyway


Act = Callable[[Array, Array], PolicyStep]
"""Observations `[K, N, O]` and memories `[K, N, M]` -> the policy's outputs."""


class Policy(ABC):
    """Describes how a policy is built for a world.

    Subclasses are frozen dataclasses, so that a sweep with a policy is a value.
    """

    @property
    def depends_on_neighbours(self) -> bool:
        """Whether the last bits of a member's results depend on the members beside it."""
        return False

    @abstractmethod
    def build(
        self, observation_space: spaces.Space[object], action_space: spaces.Space[object]
    ) -> ActorCritic:
        """Return the functions for a world of these spaces.

        Raises ValueError if the policy cannot read the observations or choose the actions.
        """


class ActorCritic(ABC):
    """Functions of the flat parameters `[K, P]` of K members; without parameters itself.

    A member's results never depend on which other members there are: its products have the same
    shapes, and nothing is summed over members.
    """

    head: Head

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Number of parameters of one member, P."""

    @property
    @abstractmethod
    def activations(self) -> int:
        """Number of floats that learning from one sample holds in memory.

        It decides how many members are updated at a time.
        """

    @property
    def memory(self) -> int:
        """Number of memory numbers of one lane, M; 0 for a policy without a memory."""
        return 0

    @property
    def has_auxiliary(self) -> bool:
        """Whether there is a second actor."""
        return False

    @abstractmethod
    def initial(self, generator: np.random.Generator) -> Tensor:
        """Return the flat parameters `[P]` of a new member."""

    def named(self, parameters_KP: Tensor) -> Mapping[str, Tensor]:
        """Return the parameters by name, as views `[K, ...]` of the flat rows.

        By default there is one name, "parameters".
        """
        return {"parameters": parameters_KP}

    @abstractmethod
    def actor(self, parameters_KP: Tensor) -> Act:
        """Return the function that acts with these parameters, on native arrays, no gradient."""

    @abstractmethod
    def values(self, parameters_KP: Tensor, observation_KBO: Tensor, memory_KBM: Tensor) -> Tensor:
        """Return the critic's values `[K, B]` of observations, without a gradient.

        Each observation comes with the memory before it.
        """

    @abstractmethod
    def extra(self, parameters_KP: Tensor) -> Tensor:
        """Return the head's own parameters `[K, 1, extra]`: a Gaussian's log deviations."""

    @abstractmethod
    def outputs(self, parameters_KP: Tensor, seen: PolicyInput) -> Outputs:
        """Return the outputs on a minibatch, differentiable in the parameters."""


class JointActorCritic(ActorCritic):
    """An actor-critic whose actor also computes the values.

    The head's own parameters are the last ones of a member's row.
    """

    def values(self, parameters_KP: Tensor, observation_KBO: Tensor, memory_KBM: Tensor) -> Tensor:
        """See `ActorCritic.values`."""
        value = self.actor(parameters_KP)(as_native(observation_KBO), as_native(memory_KBM)).value
        assert value is not None
        return as_tensor(value)

    def extra(self, parameters_KP: Tensor) -> Tensor:
        """See `ActorCritic.extra`."""
        return parameters_KP[:, None, parameters_KP.shape[1] - self.head.extra :]
