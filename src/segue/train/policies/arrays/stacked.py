"""Many small networks as one: the layers of several perceptrons, stacked along a row axis.

On a CPU they are computed with numpy, on a GPU with torch, by the same lines: numpy multiplies
small stacked matrices (OpenBLAS, one call per matrix) and computes tanh (its own vector code)
several times faster than torch, whose MKL falls back to slow code on processors of other makers:
measured 12 times for tanh and 1.1 to 5 times for products on an AMD EPYC. Tensors and arrays share
their memory.

Shapes: R rows (networks), B inputs per row, I inputs, H units, D outputs, P parameters of a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from segue.train.policies.arrays.activations import Activation, activate, activation_backward

Array = Any  # an ndarray, or a tensor on a GPU: what both have is used
Layer = tuple[Array, Array]


def as_native(tensor: Tensor) -> Array:
    """Return a tensor in the form that is computed with.

    It is the tensor itself on a GPU, and an array on its memory on a CPU.
    """
    tensor = tensor.detach()
    return tensor if tensor.is_cuda else tensor.numpy()


def as_tensor(array: Array) -> Tensor:
    """Return the tensor of a native array: the inverse of `as_native`."""
    return array if isinstance(array, Tensor) else torch.from_numpy(array)


def array_module(array: Array) -> Any:
    """Return the module whose functions compute with this array: numpy or torch."""
    return torch if isinstance(array, Tensor) else np


@dataclass(frozen=True)
class Layers:
    """The positions of a perceptron's weights and biases in a flat row of parameters.

    Weights are `[in, out]`, and biases `[1, out]`.
    """

    sizes: tuple[int, ...]
    activation: Activation = "tanh"

    @property
    def parameters(self) -> int:
        """Number of parameters of one network."""
        return sum(inputs * outputs + outputs for inputs, outputs in pairwise(self.sizes))

    def views(self, rows_RP: Array) -> list[Layer]:
        """Return views `(weight [R, in, out], bias [R, 1, out])` into flat rows, layer by layer."""
        layers = []
        start = 0
        for inputs, outputs in pairwise(self.sizes):
            middle = start + inputs * outputs
            end = start + inputs * outputs + outputs
            weight = rows_RP[:, start:middle].reshape(len(rows_RP), inputs, outputs)
            layers.append((weight, rows_RP[:, None, middle:end]))
            start = end
        return layers

    def __call__(self, layers: list[Layer], input_RBI: Array) -> Array:
        """Return the networks' outputs `[R, B, D]`."""
        return self.forward(layers, input_RBI)[1][-1]

    def forward(self, layers: list[Layer], input_RBI: Array) -> tuple[list[Array], list[Array]]:
        """Return the products of every layer, and the input and the outputs of every layer.

        The last layer is linear. A product may have been overwritten by the layer's output.
        """
        lib = array_module(input_RBI)
        products = []
        outputs = [input_RBI]
        for i, (weight, bias) in enumerate(layers):
            product = lib.matmul(outputs[-1], weight)
            product += bias
            products.append(product)
            is_last = i == len(layers) - 1
            outputs.append(product if is_last else activate(self.activation, product))
        return products, outputs

    def backward(
        self,
        layers: list[Layer],
        passed: tuple[list[Array], list[Array]],
        gradient_RBD: Array,
        flat_RP: Array,
    ) -> None:
        """Write the gradient of all parameters into the flat rows, from the last layer on.

        `passed` is what `forward` returned.
        """
        products, outputs = passed
        lib = array_module(gradient_RBD)
        written = self.views(flat_RP)
        ones_R1B = lib.ones_like(gradient_RBD[:, :, :1]).swapaxes(1, 2)
        for i in reversed(range(len(layers))):
            weight, bias = written[i]
            weight[:] = lib.matmul(outputs[i].swapaxes(1, 2), gradient_RBD)
            bias[:] = lib.matmul(ones_R1B, gradient_RBD)
            if i:
                gradient_RBD = lib.matmul(gradient_RBD, layers[i][0].swapaxes(1, 2))
                activation_backward(self.activation, gradient_RBD, products[i - 1], outputs[i])


class StackedPerceptrons(Function):
    """Outputs of stacked perceptrons, differentiable in their flat parameters.

    The explicit backward pass writes the whole gradient into one flat buffer; autograd over the
    single layers makes a tensor for every view and adds them up, which costs more than the products
    at these sizes.
    """

    @staticmethod
    def forward(ctx: Any, rows_RP: Tensor, input_RBI: Tensor, layers: Layers) -> Tensor:
        """Return `[R, B, D]`; the inputs get no gradient."""
        ctx.layers = layers
        ctx.views = layers.views(as_native(rows_RP))
        ctx.row = rows_RP.shape[1]
        ctx.passed = layers.forward(ctx.views, as_native(input_RBI))
        return as_tensor(ctx.passed[1][-1])

    @staticmethod
    def backward(ctx: Any, gradient_RBD: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the flat rows; numbers beyond the layers have gradient zero."""
        flat_RP = gradient_RBD.new_zeros(len(gradient_RBD), ctx.row)
        ctx.layers.backward(ctx.views, ctx.passed, as_native(gradient_RBD), as_native(flat_RP))
        return flat_RP, None, None
