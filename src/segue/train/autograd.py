"""Types for functions with a gradient by hand, which torch leaves without annotations."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor
from torch.autograd import Function


class Context(Protocol):
    """What a forward pass leaves for the backward pass, of which torch's types lack a part."""

    @property
    def saved_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that `save_for_backward` was given."""

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """Whether each input of the forward pass needs a gradient."""

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Save inputs and outputs of the forward pass."""

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Mark outputs without a gradient."""


def apply(function: type[Function], *arguments: Any) -> Any:
    """`function.apply(*arguments)`, which torch leaves without annotations."""
    return function.apply(*arguments)
