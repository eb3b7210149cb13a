"""The weights in a file: of the members of a checkpoint, or of a module's `state_dict`.

Shapes: K members, P parameters of a member, O observation numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segue.train.checkpoint import form_checked, read_checkpoint, read_state
from segue.train.policies import ActorCritic
from segue.train.rollouts.moments import Moments

Layout = dict[str, list[list[int]]]
"""For each parameter its offset in a member's row, its shape, and its strides there."""


@dataclass(frozen=True)
class StoredMembers:
    """What the members of a checkpoint act with.

    `parameters` are `[K, P]`, in the members' order, on the CPU; `statistics` those by which their
    observations `[K, O]` are normalised, None if they are not; `layout` is where parameters are.
    """

    parameters: Tensor
    statistics: Moments | None
    layout: Layout

    @classmethod
    def load(cls, checkpoint: Path) -> StoredMembers:
        """Read a checkpoint; raise ValueError, in one sentence, for any other file."""
        state = read_checkpoint(checkpoint)
        with form_checked(checkpoint):
            return cls.of(state["trainer"])

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> StoredMembers:
        """Return the members of a trainer's state."""
        groups = state["groups"]
        order = [member for group in groups for member in group["members"]]
        if sorted(order) != list(range(len(order))):
            raise ValueError(f"its members are {order}")
        parameters: Tensor = torch.cat([group["pack"]["parameters"] for group in groups])
        if parameters.ndim != 2 or parameters.dtype != torch.float32:
            raise TypeError(f"its parameters are {parameters.dtype} of {list(parameters.shape)}")
        rows = np.argsort(order)
        found = [group["pack"]["normalizer"]["observation"] for group in groups]
        parts = [Moments.of(each) for each in found if each]
        statistics = Moments.together(parts).select(rows.tolist()) if parts else None
        return cls(parameters[torch.from_numpy(rows)], statistics, state["layout"])

    def named(self) -> dict[str, Tensor]:
        """Return the parameters by name, `[K, ...]`."""
        rows = self.parameters.contiguous()
        members, width = rows.shape
        return {
            name: rows.as_strided((members, *shape), (width, *strides), offset)
            for name, ((offset,), shape, strides) in self.layout.items()
        }


@dataclass(frozen=True)
class StoredWeights:
    """Weights by name, `[K, ...]`, and the statistics that belong to them, None without any.

    `is_whole` is False for a `state_dict`, which lacks the parameters of the head.
    """

    named: Mapping[str, Tensor]
    statistics: Moments | None
    is_whole: bool

    @classmethod
    def parse(cls, path: Path, content: bytes) -> StoredWeights:
        """Return the weights in the content of a file.

        Raise ValueError, in one sentence, for a file that is neither a checkpoint nor a dictionary
        of tensors.
        """
        state = read_state(path, content)
        with form_checked(path):
            if "trainer" in state:
                members = StoredMembers.of(state["trainer"])
                return cls(members.named(), members.statistics, True)
            named = {name: value[None].float() for name, value in state.items()}
            return cls(named, None, False)

    @property
    def members(self) -> int:
        """Number of members, K."""
        return len(next(iter(self.named.values()), ()))

    def select(self, members: Sequence[int]) -> StoredWeights:
        """Return the weights of these members, which may repeat."""
        rows = list(members)
        named = {name: values[rows] for name, values in self.named.items()}
        statistics = self.statistics and self.statistics.select(rows)
        return StoredWeights(named, statistics, self.is_whole)


def layout_of(policy: ActorCritic) -> Layout:
    """Return where the parameters of a policy are in a member's row; those without numbers are
    left out.
    """
    named = policy.named(torch.empty(1, policy.parameters))
    return {
        name: [[int(view.storage_offset())], list(view.shape[1:]), list(view.stride()[1:])]
        for name, view in named.items()
        if view.numel()
    }


def read_weights(checkpoint: str | Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint's members by name, `[K, ...]`.

    The names are those of the policy. A `Module` has the names of its own parameters, so that
    `module.load_state_dict(..., strict=False)` takes the entries of one member. Raises ValueError
    for a file that is not a checkpoint, or is damaged.
    """
    path = Path(checkpoint)
    members = StoredMembers.load(path)
    with form_checked(path):
        return members.named()
