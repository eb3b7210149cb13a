"""The interface of optimizers: hyperparameters of one member, and an update of k rows.

Shapes: k members of a chunk, P parameters of a member, U updates of a phase.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segue.base.checks import is_number

UpdateStep = Callable[[Tensor, int], None]
"""(gradient `[k, P]`, number of the update in the phase): one update, in place."""


@dataclass
class ParameterRows:
    """What an update changes, one row per member.

    These are parameters and the optimizer's tensors `[k, P]`, and other state of each member.
    """

    parameters: Tensor
    slots: dict[str, Tensor]
    updates: NDArray[np.int64]  # [k] done before the phase
    own: list[
        Any
    ]  # [k] an optimizer of torch, its state_dict() where a checkpoint was loaded, or None


@dataclass(frozen=True)
class Rule(ABC):
    """An optimizer's hyperparameters for one member."""

    lr: float

    slots: ClassVar[tuple[str, ...]] = ()  # names of the tensors of its state

    @property
    def structure(self) -> Hashable:
        """What members must share to be updated together."""
        return type(self)

    @abstractmethod
    def begin(self, rules: Sequence[Any], rows: ParameterRows, updates: int) -> UpdateStep:
        """Return the function of one update, for a phase of `updates` updates of these rows."""

    def at(self, lr: float) -> Self:
        """Return this rule with another learning rate."""
        return replace(self, lr=lr)

    @property
    def remark(self) -> str:
        """A remark for the user, empty for most rules."""
        return ""

    def check(self) -> None:  # noqa: B027  (most rules are checked when they are made)
        """Raise ValueError unless it can be used."""


def clipped(gradient: Tensor, max_norm_K: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row with its L2 norm clipped, and the norms before clipping, `[k]`.

    This is what `torch.nn.utils.clip_grad_norm_` does and returns; the factor is
    min(1, max / (norm + 1e-6)).
    """
    norm: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return gradient * (max_norm_K / (norm + 1e-6)).clamp_(max=1.0).unsqueeze(-1), norm


def column(values: Any, device: torch.device) -> Tensor:
    """Return numbers `[..., k]` as a tensor `[..., k, 1]`, which broadcasts over rows."""
    return torch.tensor(np.asarray(values, np.float32)[..., None], device=device)


def decayed(gradient: Tensor, parameters: Tensor, weight_decay: Tensor | None) -> Tensor:
    """Return the gradient, with that of the L2 penalty added if there is one."""
    return gradient if weight_decay is None else gradient + weight_decay * parameters


def some(values: Sequence[float], device: torch.device) -> Tensor | None:
    """Return numbers as a column, or None if all are zero."""
    return column(values, device) if any(values) else None


def check_flags(name: str, flags: dict[str, Any]) -> None:
    """Raise ValueError unless each is True or False."""
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise ValueError(
                f"{name} requires True or False for {key}, and the pipeline's optimizer_builder"
                f" gives {value!r}."
            )


def check_nonnegative(name: str, numbers: dict[str, Any], below_one: Sequence[str] = ()) -> None:
    """Raise ValueError unless all numbers are finite and not negative.

    Those of `below_one` must also be less than 1.
    """
    for key, value in numbers.items():
        if not (is_number(value) and value >= 0 and (key not in below_one or value < 1)):
            wanted = "in [0, 1)" if key in below_one else "a finite number of at least 0"
            raise ValueError(
                f"{name} requires {key} to be {wanted}, and the pipeline's optimizer_builder gives"
                f" {value!r}."
            )
