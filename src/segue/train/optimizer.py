"""Adam over the flat parameters of K members, each with its own learning rate, step count and gradient norm.

`torch.optim.Adam` has one learning rate a tensor; here each member is a row of one tensor, and one call updates the
pack.
Shapes: K members, P parameters of a member.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segue.plan.builder import Builder

DEFAULTS: dict[str, Any] = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}


@dataclass(frozen=True)
class AdamSettings:
    """The arguments of `torch.optim.Adam` that a pack knows, with its defaults."""

    lr: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float

    @classmethod
    def of(cls, builder: Builder[Any]) -> AdamSettings:
        """Read a pipeline's optimizer builder; ValueError if it is not Adam or has an argument unknown here."""
        if builder.class_type is not torch.optim.Adam:
            raise ValueError(
                f"The pipeline's optimizer_builder builds {builder.class_type!r}: this version trains with "
                "torch.optim.Adam."
            )
        arguments = {**builder.default, **builder.kwargs}
        unknown = sorted(set(arguments) - set(DEFAULTS))
        if unknown:
            raise ValueError(
                f"Adam's arguments in a pipeline are {sorted(DEFAULTS)}, and optimizer_builder gives {unknown}."
            )
        return cls(**{**DEFAULTS, **arguments}).checked()

    def checked(self) -> AdamSettings:
        """Return self; ValueError for a negative or impossible number."""
        numbers = (self.lr, self.eps, self.weight_decay, *self.betas)
        numeric = all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
        betas = len(self.betas) == 2 and numeric and all(0 <= beta < 1 for beta in self.betas)
        if not (betas and self.lr >= 0 and self.eps >= 0 and self.weight_decay >= 0):
            raise ValueError(
                f"Adam wants lr, eps, weight_decay >= 0 and two betas in [0, 1), and the pipeline gives {self}."
            )
        return self


@dataclass
class AdamState:
    """First and second moments `[K, P]` and the updates done `[K]`."""

    mean: Tensor
    square: Tensor
    updates: np.ndarray

    @classmethod
    def zeros(cls, parameters_KP: Tensor) -> AdamState:
        """The state before the first update."""
        zeros = torch.zeros_like
        return cls(zeros(parameters_KP), zeros(parameters_KP), np.zeros(len(parameters_KP), np.int64))


@dataclass(frozen=True)
class AdamRows:
    """The numbers of one learning phase for k members, as tensors that broadcast over `[k, P]`."""

    gains: tuple[Tensor, Tensor]  # 1 - beta: what the new gradient weighs in either moment
    eps: Tensor
    weight_decay: Tensor | None
    max_grad_norm: Tensor
    step_size: Tensor  # [U, k, 1]: lr / (1 - beta1^t), for each of the U updates of the phase
    root: Tensor  # [U, k, 1]: 1 / sqrt(1 - beta2^t)


def adam_rows(
    settings: list[AdamSettings],
    lr_K: np.ndarray,
    max_grad_norm_K: np.ndarray,
    updates_K: np.ndarray,
    phase: int,
    device: str,
) -> AdamRows:
    """Prepare `phase` updates: what depends on betas is computed here once, in 64 bits, not in the loop."""

    def column(values: Any) -> Tensor:
        return torch.tensor(np.asarray(values, np.float32)[..., None], device=device)

    beta1, beta2 = (np.array([s.betas[i] for s in settings]) for i in (0, 1))
    done = updates_K[None, :] + np.arange(1, phase + 1)[:, None]
    decay = [s.weight_decay for s in settings]
    return AdamRows(
        gains=(column(1 - beta1), column(1 - beta2)),
        eps=column([s.eps for s in settings]),
        weight_decay=column(decay) if any(decay) else None,
        max_grad_norm=torch.tensor(max_grad_norm_K.astype(np.float32), device=device),
        step_size=column(lr_K / (1 - beta1**done)),
        root=column(1 / np.sqrt(1 - beta2**done)),
    )


def adam_step(parameters: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, rows: AdamRows, update: int) -> None:
    """One update in place of `[k, P]` rows (Kingma & Ba, 2015, algorithm 1), after clipping each row's L2 norm.

    Clipping is that of `torch.nn.utils.clip_grad_norm_`: the gradient times min(1, max_grad_norm / (norm + 1e-6)).
    """
    norm = torch.linalg.vector_norm(gradient, dim=1)
    gradient = gradient * (rows.max_grad_norm / (norm + 1e-6)).clamp_(max=1.0).unsqueeze(-1)
    if rows.weight_decay is not None:
        gradient = gradient + rows.weight_decay * parameters
    mean.lerp_(gradient, rows.gains[0])
    square.lerp_(gradient * gradient, rows.gains[1])
    denominator = (square.sqrt() * rows.root[update]).add_(rows.eps)
    parameters.sub_(torch.div(mean, denominator).mul_(rows.step_size[update]))
