"""Adam and AdamW over rows, each with its own learning rate, step count and decay.

`torch.optim.Adam` has one learning rate a tensor; here each member is a row of one tensor, and one
call updates the pack. Shapes: k members, P parameters of a member, U updates of a phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor
from torch import div as quotient

from segue.train.optimizers.rule import (
    ParameterRows,
    Rule,
    UpdateStep,
    check_nonnegative,
    column,
    decayed,
    some,
)


@dataclass(frozen=True)
class Adam(Rule):
    """`torch.optim.Adam` (Kingma & Ba, 2015, algorithm 1)."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    slots: ClassVar[tuple[str, ...]] = ("mean", "square")
    decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not isinstance(self.betas, Sequence) or len(self.betas) != 2:
            raise ValueError(
                f"{name} requires two betas in [0, 1), and the pipeline's optimizer_builder gives"
                f" {self.betas!r}."
            )
        check_nonnegative(name, {"lr": self.lr, "eps": self.eps, "weight_decay": self.weight_decay})
        check_nonnegative(
            name,
            {f"betas[{i}]": beta for i, beta in enumerate(self.betas)},
            ("betas[0]", "betas[1]"),
        )

    def begin(self, rules: Sequence[Adam], rows: ParameterRows, updates: int) -> UpdateStep:
        """See `Rule.begin`; what depends on betas is computed here once, in 64 bits."""
        parameters = rows.parameters.detach()
        device = rows.parameters.device
        mean = rows.slots["mean"]
        square = rows.slots["square"]
        lr = np.array([r.lr for r in rules])
        beta1, beta2 = np.array([r.betas for r in rules]).T
        done = rows.updates[None, :] + np.arange(1, updates + 1)[:, None]
        gain1 = column(1 - beta1, device)
        gain2 = column(1 - beta2, device)
        eps = column([r.eps for r in rules], device)
        step_size = column(lr / (1 - beta1**done), device)  # [U, k, 1]
        root = column(1 / np.sqrt(1 - beta2**done), device)
        decay = some([r.weight_decay for r in rules], device)
        shrink = (
            column([1 - r.lr * r.weight_decay for r in rules], device)
            if decay is not None
            else None
        )

        def step(gradient: Tensor, update: int) -> None:
            if shrink is not None and self.decoupled:
                parameters.mul_(shrink)
            else:
                gradient = decayed(gradient, parameters, decay)
            mean.lerp_(gradient, gain1)
            square.lerp_(gradient * gradient, gain2)
            denominator = (square.sqrt() * root[update]).add_(eps)
            parameters.sub_(quotient(mean, denominator).mul_(step_size[update]))

        return step


@dataclass(frozen=True)
class AdamW(Adam):
    """`torch.optim.AdamW` (Loshchilov & Hutter, 2019).

    The decay shrinks the weights and does not change the gradient.
    """

    weight_decay: float = 1e-2

    decoupled: ClassVar[bool] = True
