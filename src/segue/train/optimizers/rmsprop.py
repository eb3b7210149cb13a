"""RMSprop over rows, each with its own hyperparameters.

Shapes: k members, P parameters of a member.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

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
class RMSprop(Rule):
    """`torch.optim.RMSprop` (Tieleman & Hinton, 2012, lecture 6.5).

    The variants that are centred (Graves, 2013) or have momentum are included.
    """

    lr: float = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False

    slots: ClassVar[tuple[str, ...]] = ("square", "mean", "momentum")

    def __post_init__(self) -> None:
        numbers = {
            name: getattr(self, name) for name in ("lr", "alpha", "eps", "weight_decay", "momentum")
        }
        check_nonnegative("RMSprop", numbers, ("alpha",))
        check_flags("RMSprop", {"centered": self.centered})

    @property
    def structure(self) -> Hashable:
        """The class, whether it is centred, and whether there is momentum."""
        return type(self), self.centered, self.momentum > 0

    def begin(self, rules: Sequence[RMSprop], rows: ParameterRows, updates: int) -> UpdateStep:
        """See `Rule.begin`."""
        parameters = rows.parameters.detach()
        device = rows.parameters.device
        square, mean, buffer = (rows.slots[name] for name in self.slots)
        lr = column([r.lr for r in rules], device)
        eps = column([r.eps for r in rules], device)
        gain = column([1 - r.alpha for r in rules], device)
        momentum = column([r.momentum for r in rules], device)
        decay = some([r.weight_decay for r in rules], device)

        def step(gradient: Tensor, update: int) -> None:
            gradient = decayed(gradient, parameters, decay)
            square.lerp_(gradient * gradient, gain)
            spread = square
            if self.centered:
                mean.lerp_(gradient, gain)
                spread = square - mean * mean
            gradient = gradient / spread.sqrt().add_(eps)
            if self.momentum:
                gradient = buffer.mul_(momentum).add_(gradient)
            parameters.sub_(lr * gradient)

        return step
