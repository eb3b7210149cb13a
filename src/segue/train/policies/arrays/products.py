"""Differentiable products of stacked matrices, with numpy on a CPU and torch on a GPU.

numpy multiplies the matrices of a stack one after the other, so that a member's result never
depends on the number of its neighbours; torch's batched product rounds differently for different
numbers of matrices.

Shapes: K members, B rows, I inputs, D outputs.
"""

from __future__ import annotations

from torch import Tensor
from torch.autograd import Function

from segue.train.autograd import Context, apply
from segue.train.policies.arrays.stacked import Array, array_module, as_native, as_tensor


def linear(input_KBI: Tensor, weight_KID: Tensor, bias_K1D: Tensor | None = None) -> Tensor:
    """Return `x W + b` for every member, `[K, B, D]`."""
    product: Tensor = apply(Product, input_KBI, weight_KID, bias_K1D)
    return product


def column_sums(rows_KBD: Array) -> Array:
    """Return sums over the rows, `[K, 1, D]`.

    They are computed as a product, so that the order of additions does not depend on K.
    """
    ones_K1B = array_module(rows_KBD).ones_like(rows_KBD[:, :, :1]).swapaxes(1, 2)
    return array_module(rows_KBD).matmul(ones_K1B, rows_KBD)


class Product(Function):
    """`x W + b` with its gradients; that of the input only if it is needed."""

    @staticmethod
    def forward(
        ctx: Context, input_KBI: Tensor, weight_KID: Tensor, bias_K1D: Tensor | None
    ) -> Tensor:
        """Return `[K, B, D]`."""
        ctx.save_for_backward(input_KBI, weight_KID)
        product = array_module(as_native(input_KBI)).matmul(
            as_native(input_KBI), as_native(weight_KID)
        )
        if bias_K1D is not None:
            product += as_native(bias_K1D)
        return as_tensor(product)

    @staticmethod
    def backward(
        ctx: Context, gradient_KBD: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return the gradients of input, weight and bias."""
        x, weight = (as_native(saved) for saved in ctx.saved_tensors)
        gradient = as_native(gradient_KBD)
        lib = array_module(x)
        d_input = lib.matmul(gradient, weight.swapaxes(1, 2)) if ctx.needs_input_grad[0] else None
        d_weight = lib.matmul(x.swapaxes(1, 2), gradient) if ctx.needs_input_grad[1] else None
        d_bias = column_sums(gradient) if ctx.needs_input_grad[2] else None
        return tuple(
            None if part is None else as_tensor(part) for part in (d_input, d_weight, d_bias)
        )  # type: ignore[return-value]  # three
