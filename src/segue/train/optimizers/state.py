"""The state of the optimizers of K members.

Shapes: K members, k of them, P parameters of a member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.train.optimizers.rule import ParameterRows, Rule


@dataclass
class OptimizerState:
    """Tensors `[K, P]` by name, updates done `[K]`, and each member's `ParameterRows.own`."""

    slots: dict[str, Tensor]
    updates: NDArray[np.int64]
    own: list[Any]

    @classmethod
    def zeros(cls, rule: Rule, parameters_KP: Tensor) -> OptimizerState:
        """Return the state before the first update."""
        members = len(parameters_KP)
        slots = {name: torch.zeros_like(parameters_KP) for name in rule.slots}
        return cls(slots, np.zeros(members, np.int64), [None] * members)

    def select(self, members: Sequence[int]) -> OptimizerState:
        """Return the state of these members."""
        rows = torch.tensor(list(members))
        slots = {name: slot[rows.to(slot.device)] for name, slot in self.slots.items()}
        return OptimizerState(
            slots, self.updates[list(members)], [self.own[member] for member in members]
        )

    @classmethod
    def joined(cls, parts: Sequence[OptimizerState]) -> OptimizerState:
        """Return the state of the members of all parts, one part after another."""
        slots = {name: torch.cat([part.slots[name] for part in parts]) for name in parts[0].slots}
        updates = np.concatenate([part.updates for part in parts])
        return cls(slots, updates, [own for part in parts for own in part.own])

    def take(self, members: Sequence[int], parameters_KP: Tensor) -> ParameterRows:
        """Return contiguous copies of these members' rows, with their parameters."""
        index = torch.tensor(list(members), device=parameters_KP.device)
        slots = {name: slot.index_select(0, index) for name, slot in self.slots.items()}
        own = [self.own[member] for member in members]
        return ParameterRows(
            parameters_KP.index_select(0, index), slots, self.updates[list(members)], own
        )

    def put_back(
        self, members: Sequence[int], rows: ParameterRows, parameters_KP: Tensor, updates: int
    ) -> None:
        """Write rows taken with `take` back, after so many updates."""
        index = torch.tensor(list(members), device=parameters_KP.device)
        parameters_KP.index_copy_(0, index, rows.parameters.detach())
        for name, slot in self.slots.items():
            slot.index_copy_(0, index, rows.slots[name])
        for member, own in zip(members, rows.own, strict=True):
            self.own[member] = own
        self.updates[list(members)] += updates

    def start_anew(self, members: Sequence[int]) -> None:
        """Return these members to the state before the first update."""
        for slot in self.slots.values():
            slot[list(members)] = 0
        self.updates[list(members)] = 0
        for member in members:
            self.own[member] = None

    def state_dict(self) -> dict[str, Any]:
        """Return copies, as tensors, arrays and plain values."""
        own = [
            one.state_dict() if isinstance(one, torch.optim.Optimizer) else one for one in self.own
        ]
        return {"slots": deepcopy(self.slots), "updates": self.updates.copy(), "own": deepcopy(own)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the saved state."""
        for name, slot in self.slots.items():
            slot.copy_(state["slots"][name])
        self.updates[:] = state["updates"]
        self.own = deepcopy(state["own"])
