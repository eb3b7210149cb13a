"""A policy that is a custom `torch.nn.Module`, written for one member.

Shapes: K members, B samples of a member, N lanes, T steps, O observation numbers, M memory numbers,
A outputs of the actor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.func import vmap

from segue.train.data.batch import PolicyInput
from segue.train.policies.arrays.stacked import Array, as_native, as_tensor
from segue.train.policies.flat import OF_HEAD, Flat
from segue.train.policies.heads import ContinuousActions, Head
from segue.train.policies.outputs import Outputs
from segue.train.policies.policy import Act, JointActorCritic, Policy, PolicyStep
from segue.train.policies.with_weights import WithWeights
from segue.worlds.adapters.spaces import fields

Make = Callable[[spaces.Space[object], spaces.Space[object]], nn.Module]
_RANDOM_OR_MUTABLE = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


@dataclass(frozen=True)
class Module(ContinuousActions, Policy):
    """A policy that is a custom `torch.nn.Module`, written for one member.

    `make(observation_space, action_space)` returns the module of one member; it is called once per
    member. The module's `forward(observation)` receives `[B, ...]` in the form of the space (whole
    numbers for Discrete, a dictionary for Dict) and returns the actor's outputs `[B, A]` (logits,
    or means) and values `[B]`; `A` is the sum of the choices' sizes for MultiDiscrete actions, and
    twice the number of dimensions with `state_dependent_std`. A module with an attribute `memory`,
    a number M, has `forward(observation, memory)` and also returns the memory `[B, M]` after the
    step; the memory starts at zero. A Gaussian's log standard deviations are added by the head
    unless they depend on the state; `ContinuousActions` has the settings of continuous actions.

    Attributes:
        make: The function that returns the module of one member.
        together: Whether `torch.func.vmap` runs all members of a pack at once, which is faster. The
            last bits of a member's results then depend on the number of its neighbours; with the
            default they never do.
    """

    make: Make
    together: bool = False

    @property
    def depends_on_neighbours(self) -> bool:
        """See `Policy.depends_on_neighbours`."""
        return self.together

    def build(
        self, observation_space: spaces.Space[object], action_space: spaces.Space[object]
    ) -> ModuleActorCritic:
        """See `Policy.build`.

        Also raises ValueError if the module is random or has a state, or if it returns other
        shapes.
        """
        built = ModuleActorCritic(
            self.make, observation_space, action_space, self.head_for(action_space), self.together
        )
        built.check()
        return built


@dataclass(frozen=True)
class ModuleActorCritic(JointActorCritic):
    """The actor-critic of a `Module`; see `ActorCritic`."""

    make: Make
    observation_space: spaces.Space[object]
    action_space: spaces.Space[object]
    head: Head
    together: bool

    @property
    def parameters(self) -> int:
        """Number of parameters of one member, P."""
        return self._flat.size

    @property
    def activations(self) -> int:
        """An estimate: the number of parameters, which is too low for convolutions."""
        return self.parameters

    @property
    def memory(self) -> int:
        """Number of memory numbers of one lane, M."""
        return int(getattr(self._template, "memory", 0))

    def initial(self, generator: np.random.Generator) -> Tensor:
        """Return the parameters that the module draws when it is made.

        They come from torch's generator, seeded for this member alone.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(generator.integers(2**63)))
            module = self.make(self.observation_space, self.action_space)
        return self._flat.pack(
            {name: value.detach().numpy() for name, value in module.named_parameters()}
            | {OF_HEAD: self.head.initial_extra()}
        )

    def named(self, parameters_KP: Tensor) -> Mapping[str, Tensor]:
        """See `ActorCritic.named`: the module's own names, and one for the head's parameters."""
        return self._flat.unpack(parameters_KP)

    def actor(self, parameters_KP: Tensor) -> Act:
        """See `ActorCritic.actor`."""
        weights = self._weights(parameters_KP.detach())

        @torch.no_grad()
        def act(observation_KNO: Array, memory_KNM: Array) -> PolicyStep:
            inputs, value, memory = self._call(
                weights, as_tensor(observation_KNO), as_tensor(memory_KNM)
            )
            return PolicyStep(as_native(inputs), as_native(memory), as_native(value))

        return act

    def outputs(self, parameters_KP: Tensor, seen: PolicyInput) -> Outputs:
        """See `ActorCritic.outputs`; a memory is carried from step to step."""
        weights = self._weights(parameters_KP)
        extra = self.extra(parameters_KP)
        sequences = seen.sequences
        if sequences is None:
            none = seen.observation.new_zeros(*seen.observation.shape[:2], 0)
            inputs, value, _ = self._call(weights, seen.observation, none)
            return Outputs(self.head, inputs, extra, value, seen.action)
        memory = sequences.memory
        parts = []
        steps = seen.observation.unflatten(1, sequences.begins.shape[1:]).unbind(1)
        for observation, begins in zip(steps, sequences.begins.unbind(1), strict=True):
            *step, memory = self._call(weights, observation, memory * (1 - begins).unsqueeze(-1))
            parts.append(step)
        inputs, value = (torch.cat(part, 1) for part in zip(*parts, strict=True))
        return Outputs(self.head, inputs, extra, value, seen.action)

    def check(self) -> None:
        """Raise ValueError, in one sentence, unless the module can be trained here."""
        kind = type(self._template).__name__
        for name, part in self._template.named_modules():
            if isinstance(part, _RANDOM_OR_MUTABLE):
                raise ValueError(
                    f"The module {kind} has {type(part).__name__} as {name!r}, which is random or"
                    " changes as it is used, so that runs could not be repeated: leave it out."
                )
        try:
            parameters = self.initial(np.random.default_rng(0))[None]
            numbers = fields(self.observation_space)[-1].stop
            step = self.actor(parameters)(
                np.zeros((1, 2, numbers), np.float32), np.zeros((1, 2, self.memory), np.float32)
            )
            assert step.value is not None
            shapes = [tuple(part.shape[1:]) for part in (step.inputs, step.value, step.memory)]
        except Exception as error:  # a user's module may raise anything
            reason = " ".join(str(error).split()).rstrip(".")
            raise ValueError(
                f"The module {kind} cannot read an observation of this world ({reason})."
            ) from error
        wanted = [(2, self.head.size), (2,), (2, self.memory)]
        if shapes != wanted:
            raise ValueError(
                f"The module {kind} returns the shapes {shapes} for two observations: return"
                f" {wanted}."
            )

    @cached_property
    def _template(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            return self.make(self.observation_space, self.action_space)

    @cached_property
    def _flat(self) -> Flat:
        shapes = {name: tuple(value.shape) for name, value in self._template.named_parameters()}
        return Flat({**shapes, OF_HEAD: (1, self.head.extra)})

    @cached_property
    def _module(self) -> WithWeights:
        return WithWeights(self._template)

    def _weights(self, parameters_KP: Tensor) -> list[dict[str, Tensor]]:
        """Return the module's weights by name, of each member; `[K, ...]` of all if `together`."""
        named = self._flat.unpack(parameters_KP)
        own = {name: value for name, value in named.items() if name != OF_HEAD}
        if self.together and len(parameters_KP) > 1:
            return [own]
        # Copies, since the rounding of products depends on the layout of matrices in memory.
        members = range(len(parameters_KP))
        return [{name: value[k].clone() for name, value in own.items()} for k in members]

    def _call(
        self, weights: Sequence[dict[str, Tensor]], observation: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs `[K, B, A]`, values `[K, B]` and memories `[K, B, M]`.

        `observation` is `[K, B, O]`.
        """
        if self.together and len(observation) > 1:
            inputs, value, after = vmap(self._one)(weights[0], observation, memory)
            return inputs, value, after
        members = [
            self._one(own, observation[k].clone(), memory[k].clone())
            for k, own in enumerate(weights)
        ]
        inputs, value, after = (torch.stack(part) for part in zip(*members, strict=True))
        return inputs, value, after

    def _one(
        self, weights: Mapping[str, Tensor], observation: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Call the module for one member."""
        seen = shaped(self.observation_space, observation)
        if self.memory:
            inputs, value, memory = self._module(weights, seen, memory)
        else:
            inputs, value = self._module(weights, seen)
        return inputs, value, memory


def shaped(space: spaces.Space[object], rows_BO: Tensor) -> Any:
    """Return rows of numbers in the form of the space, `[B, ...]`.

    They are whole numbers for discrete spaces, and a dictionary for a Dict.
    """
    parts = {
        field.name: _part(field.space, rows_BO[:, field.start : field.stop])
        for field in fields(space)
    }
    return parts if isinstance(space, spaces.Dict) else parts[""]


def _part(space: spaces.Space[object], numbers: Tensor) -> Tensor:
    if isinstance(space, spaces.Discrete):
        return numbers[:, 0].long()
    if isinstance(space, spaces.MultiDiscrete):
        return numbers.long()
    return numbers.reshape(len(numbers), *(space.shape or ()))
