"""Types for functions with an explicit gradient, which torch leaves without annotations."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor
from torch.autograd import Function


class Context(Protocol):
    """The context of a forward and a backward pass, which torch types only in part."""

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that were passed to `save_for_backward`."""

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """Whether each input of the forward pass needs a gradient."""

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Save inputs and outputs of the forward pass."""

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Mark outputs without a gradient."""


def apply(function: type[Function], *arguments: Any) -> Any:
    """Return `function.apply(*arguments)`, for which torch has no annotations."""
    return function.apply(*arguments)
