"""Stochastic gradient descent over rows, each with its own hyperparameters.

Shapes: k members, P parameters of a member.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from segue.train.optimizers.rule import (
    ParameterRows,
    Rule,
    UpdateStep,
    check_flags,
    check_nonnegative,
    column,
    decayed,
    some,
)


@dataclass(frozen=True)
class SGD(Rule):
    """`torch.optim.SGD`, with momentum (Sutskever et al., 2013)."""

    lr: float = 1e-3
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    slots: ClassVar[tuple[str, ...]] = ("momentum",)

    def __post_init__(self) -> None:
        numbers = {
            name: getattr(self, name) for name in ("lr", "momentum", "dampening", "weight_decay")
        }
        check_nonnegative("SGD", numbers)
        check_flags("SGD", {"nesterov": self.nesterov})
        if self.nesterov and (self.momentum <= 0 or self.dampening):
            raise ValueError(
                "SGD's nesterov requires a momentum above 0 and no dampening: give, for example,"
                " momentum=0.9."
            )

    @property
    def structure(self) -> Hashable:
        """The class, whether there is momentum, and of which kind."""
        return type(self), self.momentum > 0, self.nesterov

    def begin(self, rules: Sequence[SGD], rows: ParameterRows, updates: int) -> UpdateStep:
        """See `Rule.begin`."""
        parameters = rows.parameters.detach()
        device = rows.parameters.device
        buffer = rows.slots["momentum"]
        lr = column([r.lr for r in rules], device)
        momentum = column([r.momentum for r in rules], device)
        decay = some([r.weight_decay for r in rules], device)
        # The buffer starts with the first gradient, undamped.
        done = rows.updates[None, :] + np.arange(updates)[:, None]
        undamped = column(
            np.where(done == 0, 1.0, 1 - np.array([r.dampening for r in rules])), device
        )  # [U, k, 1]

        def step(gradient: Tensor, update: int) -> None:
            gradient = decayed(gradient, parameters, decay)
            if self.momentum:
                buffer.mul_(momentum).add_(gradient * undamped[update])
                gradient = gradient + momentum * buffer if self.nesterov else buffer
            parameters.sub_(lr * gradient)

        return step
