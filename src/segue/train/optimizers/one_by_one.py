"""Optimizers of torch that no rule here repeats: one for each member, on its row as a vector.

Shapes: k members, P parameters of a member.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from segue.train.optimizers.rule import Rows, Rule, Step


@dataclass(frozen=True)
class OneByOne(Rule):
    """`kind(parameters, lr=lr, **arguments)` for each member: slower than the packed rules."""

    kind: type[torch.optim.Optimizer] = torch.optim.Optimizer
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: type[torch.optim.Optimizer], arguments: Mapping[str, Any]) -> OneByOne:
        """Raises ValueError where the learning rate is left open."""
        default = inspect.signature(kind).parameters.get("lr")
        rest = dict(arguments)
        lr = rest.pop("lr", None if default is None or default.default is default.empty else default.default)
        if not isinstance(lr, int | float):
            raise ValueError(f"{kind.__name__} needs a learning rate: give optimizer_builder an 'lr'.")
        return cls(float(lr), kind, rest)

    def check(self) -> None:
        """Raise ValueError, with the reason, unless it can update a vector."""
        vector = torch.nn.Parameter(torch.ones(3))
        vector.grad = torch.ones(3)
        try:
            self.build(vector).step()
        except Exception as error:  # whatever a user's class may raise
            reason = " ".join(str(error).split()).rstrip(".")
            raise ValueError(
                f"{self.kind.__name__} cannot update the flat vector of a member's parameters ({reason}): choose "
                "another optimizer, such as torch.optim.Adam."
            ) from error

    @property
    def structure(self) -> Hashable:
        """The class; arguments may differ."""
        return type(self), self.kind

    def build(self, vector: torch.nn.Parameter) -> torch.optim.Optimizer:
        """The optimizer of one member."""
        kind: Any = self.kind
        built: torch.optim.Optimizer = kind([vector], lr=self.lr, **self.arguments)
        return built

    def begin(self, rules: Sequence[OneByOne], rows: Rows, updates: int) -> Step:
        """See `Rule.begin`."""
        vectors = [torch.nn.Parameter(row) for row in rows.parameters.detach()]  # on the rows' own memory
        optimizers = [rule.build(vector) for rule, vector in zip(rules, vectors, strict=True)]
        for rule, optimizer, state in zip(rules, optimizers, rows.own, strict=True):
            if state is not None:
                optimizer.load_state_dict({"state": {0: state}, "param_groups": optimizer.state_dict()["param_groups"]})
                optimizer.param_groups[0]["lr"] = rule.lr
        rows.own[:] = optimizers

        def step(gradient: Tensor, update: int) -> None:
            for vector, row, optimizer in zip(vectors, gradient, optimizers, strict=True):
                vector.grad = row
                optimizer.step()

        return step

    def end(self, rows: Rows) -> None:
        """Keep the states in place of the optimizers."""
        rows.own[:] = [optimizer.state_dict()["state"][0] for optimizer in rows.own]
