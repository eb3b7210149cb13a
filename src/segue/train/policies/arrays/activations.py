"""Activation functions and their gradients, on arrays of a CPU and tensors of a GPU.

numpy computes the hyperbolic tangent (see `segue.train.policies.arrays.stacked`). On a CPU, torch
computes ELU, SiLU and GELU row by row: its vector code and the scalar code for what is left at the
end of an array round differently, so that a member's numbers would depend on the sizes of its
neighbours.

Shapes: R rows (networks or members), B samples of a row, H units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from segue.train.autograd import apply

Activation = Literal["tanh", "relu", "elu", "silu", "gelu"]
"""The names of `torch.nn.Tanh`, `ReLU`, `ELU`, `SiLU` and `GELU`, with the defaults of these."""
_IN_PLACE = ("tanh", "relu", "elu")  # their gradient follows from the output alone
_FORWARD: dict[str, Callable[..., Any]] = {
    "elu": torch.ops.aten.elu.out,
    "silu": torch.ops.aten.silu.out,
    "gelu": torch.ops.aten.gelu.out,
}


def check_activation(name: object, where: str) -> None:
    """Raise ValueError unless `name` is that of an activation; `where` is the class that got it."""
    if name not in get_args(Activation):
        raise ValueError(
            f"{where}(activation={name!r}): choose one of {', '.join(get_args(Activation))}."
        )


def activate(name: Activation, before_RBH: Any) -> Any:
    """Return the activations of `[R, B, H]`; `before_RBH` is overwritten unless it is needed later.

    It is needed for the gradient of SiLU and GELU.
    """
    lib = torch if isinstance(before_RBH, Tensor) else np
    after = before_RBH if name in _IN_PLACE else lib.empty_like(before_RBH)
    if name == "tanh":
        lib.tanh(before_RBH, out=after)
    elif name == "relu":
        lib.clip(before_RBH, 0, None, out=after)
    else:
        for rows, result in _parts(before_RBH, after):
            _FORWARD[name](rows, out=result)
    return after


def activation_backward(name: Activation, gradient: Any, before: Any, after: Any) -> None:
    """Turn the gradient after the activation into the one before it, in place, `[R, B, H]`."""
    if name == "relu":
        gradient *= after > 0
    elif name == "tanh":
        # torch does this in one pass over memory, numpy would take three
        d_before = _tensor(gradient)
        torch.ops.aten.tanh_backward.grad_input(d_before, _tensor(after), grad_input=d_before)
    else:
        saved = after if name in _IN_PLACE else before
        for own, rows in _parts(gradient, saved):
            _backward(name, own, rows)


def _backward(name: Activation, gradient: Tensor, saved: Tensor) -> None:
    backward = torch.ops.aten
    if name == "elu":
        backward.elu_backward.grad_input(gradient, 1, 1, 1, True, saved, grad_input=gradient)
    elif name == "silu":
        backward.silu_backward.grad_input(gradient, saved, grad_input=gradient)
    else:
        backward.gelu_backward.grad_input(gradient, saved, grad_input=gradient)


def activated(name: Activation, before_KBH: Tensor) -> Tensor:
    """Return the activations of `[K, B, H]`, differentiable."""
    if name == "relu":
        return torch.relu(before_KBH)
    after: Tensor = apply(_Activated, before_KBH, name)
    return after


class _Activated(Function):
    """An activation, with its explicit gradient."""

    @staticmethod
    def forward(ctx: Any, before_KBH: Tensor, name: Activation) -> Tensor:
        """Return `[K, B, H]`."""
        before = before_KBH.detach()
        before = before.clone() if name in _IN_PLACE else before
        after = _tensor(activate(name, before if before.is_cuda else before.numpy()))
        ctx.name = name
        ctx.save_for_backward(after if name in _IN_PLACE else before)
        return after

    @staticmethod
    def backward(ctx: Any, gradient_KBH: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the input."""
        (saved,) = ctx.saved_tensors
        gradient = gradient_KBH.clone(memory_format=torch.contiguous_format)
        activation_backward(ctx.name, gradient, saved, saved)
        return gradient, None


def _parts(*arrays: Any) -> Iterable[tuple[Tensor, ...]]:
    """Return the arrays whole on a GPU, whose code rounds alike everywhere, else row by row."""
    tensors = tuple(map(_tensor, arrays))
    return [tensors] if tensors[0].is_cuda else zip(*tensors, strict=True)


def _tensor(array: Any) -> Tensor:
    return array if isinstance(array, Tensor) else torch.from_numpy(array)
