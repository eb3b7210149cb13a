"""Optimizers of torch without a packed rule: one for each member, on its row as a vector.

Shapes: k members, P parameters of a member.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segue.train.checkpoint import decoded, encoded
from segue.train.optimizers.rule import ParameterRows, Rule, UpdateStep, check_nonnegative

_OTHERWISE = "choose another optimizer, such as torch.optim.Adam."


@dataclass(frozen=True)
class OneByOne(Rule):
    """`kind(parameters, lr=lr, **arguments)` for each member: slower than the packed rules.

    `kind` may be a custom class. A member's optimizer lives as long as the member, so that it
    behaves as in torch; only a checkpoint replaces it by its `state_dict()`. The learning rate of
    its parameter groups is the schedule's.
    """

    kind: type[torch.optim.Optimizer] = torch.optim.Optimizer
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_nonnegative(self.kind.__name__, {"lr": self.lr})

    @classmethod
    def of(cls, kind: type[torch.optim.Optimizer], arguments: Mapping[str, Any]) -> OneByOne:
        """Return the rule for an optimizer class and its arguments.

        Raises ValueError unless the learning rate is given or has a default.
        """
        default = inspect.signature(kind).parameters.get("lr")
        rest = dict(arguments)
        lr = rest.pop(
            "lr", None if default is None or default.default is default.empty else default.default
        )
        if lr is None:
            raise ValueError(
                f"{kind.__name__} needs a learning rate: give optimizer_builder an 'lr'."
            )
        return cls(lr, kind, rest)

    @property
    def remark(self) -> str:
        """See `Rule.remark`."""
        return (
            f"one member at a time, by {self.kind.__name__} itself: slower than Adam, AdamW, SGD"
            " and RMSprop, which (without amsgrad and maximize) update all members of a pack at"
            " once"
        )

    @property
    def structure(self) -> Hashable:
        """The optimizer's class; members may differ in its arguments."""
        return type(self), self.kind

    def check(self) -> None:
        """Raise ValueError unless the optimizer can update a vector.

        It must also do so in the same way after a checkpoint.
        """
        name = self.kind.__name__
        try:
            straight = self._tried(lambda own: own)
        except Exception as error:  # a user's class may raise anything
            reason = " ".join(str(error).split()).rstrip(".")
            correct = f"correct its arguments {dict(self.arguments)}, or " if self.arguments else ""
            raise ValueError(
                f"{name} cannot update the flat vector of a member's parameters ({reason}):"
                f" {correct}{_OTHERWISE}"
            ) from error
        try:
            resumed = self._tried(
                lambda own: decoded(encoded({"own": [one.state_dict() for one in own]}))["own"]
            )
            why = (
                ""
                if torch.allclose(straight, resumed, rtol=0, atol=0, equal_nan=True)
                else "it continues differently"
            )
        except Exception as error:
            why = f"{type(error).__name__} when it is restored"
        if why:
            raise ValueError(
                f"{name} cannot be resumed from its own state_dict() ({why}): let it contain the"
                " whole state, as tensors and plain values, and draw no random numbers, or"
                f" {_OTHERWISE}"
            )

    def begin(self, rules: Sequence[OneByOne], rows: ParameterRows, updates: int) -> UpdateStep:
        """See `Rule.begin`."""
        places = list(rows.parameters.detach())  # the rows' own memory
        optimizers = [
            rule._over(place, own) for rule, place, own in zip(rules, places, rows.own, strict=True)
        ]
        vectors = [_vector(optimizer) for optimizer in optimizers]
        rows.own[:] = optimizers

        def step(gradient: Tensor, update: int) -> None:
            for vector, place, own, optimizer in zip(
                vectors, places, gradient, optimizers, strict=True
            ):
                vector.grad = own
                optimizer.step()
                vector.grad = None
                if vector.data_ptr() != place.data_ptr():  # the optimizer has replaced the tensor
                    place.copy_(vector.detach())
                    vector.data = place

        return step

    def _over(self, place: Tensor, own: Any) -> torch.optim.Optimizer:
        """Return the member's optimizer over this memory.

        It is `own`, or a new optimizer with the state of `own`.
        """
        if isinstance(own, torch.optim.Optimizer):
            optimizer = own
            _vector(optimizer).data = place
        else:
            kind: Any = self.kind
            optimizer = kind(
                [torch.nn.Parameter(place)], lr=self.lr, **deepcopy(dict(self.arguments))
            )
            if own is not None:
                optimizer.load_state_dict(own)
        for group in optimizer.param_groups:
            group["lr"] = self.lr
        return optimizer

    def _tried(self, between: Any) -> Tensor:
        """Return the result of two phases, with `transfers(optimizers)` applied between them."""
        rows = ParameterRows(torch.ones(1, 3), {}, np.zeros(1, np.int64), [None])
        gradients = torch.tensor(
            [[0.3, -0.7, 0.1], [0.2, 0.9, 0.0], [-0.6, 0.1, 0.4], [0.7, 0.3, -0.1]]
        )
        for phase in gradients.split(2):
            step = self.begin([self], rows, len(phase))
            with torch.no_grad():
                for update, gradient in enumerate(phase):
                    step(gradient[None].clone(), update)
            rows.own = between(rows.own)
        return rows.parameters


def _vector(optimizer: torch.optim.Optimizer) -> Tensor:
    """Return the parameter vector that the optimizer updates."""
    vector: Tensor = optimizer.param_groups[0]["params"][0]
    return vector
