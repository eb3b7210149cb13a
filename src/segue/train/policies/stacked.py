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
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

Activation = Literal["tanh", "relu"]
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
        return self.activations(layers, input_RBI)[-1]

    def activations(self, layers: list[Layer], input_RBI: Array) -> list[Array]:
        """Return the input and the outputs of every layer, the last one linear."""
        lib = array_module(input_RBI)
        outputs = [input_RBI]
        for i, (weight, bias) in enumerate(layers):
            output = lib.matmul(outputs[-1], weight)
            output += bias
            if i < len(layers) - 1:
                self.activate(output)
            outputs.append(output)
        return outputs

    def activate(self, output: Array) -> None:
        """Apply the activation in place."""
        lib = array_module(output)
        if self.activation == "tanh":
            lib.tanh(output, out=output)
        else:
            lib.clip(output, 0, None, out=output)

    def activation_backward(self, gradient: Array, output: Array) -> None:
        """Turn the gradient after the activation into the one before it, in place.

        It is computed from the activation's output.
        """
        if self.activation == "tanh":
            before = as_tensor(
                gradient
            )  # torch does this in one pass over memory, numpy would take three
            torch.ops.aten.tanh_backward.grad_input(before, as_tensor(output), grad_input=before)
        else:
            gradient *= output > 0

    def backward(
        self, layers: list[Layer], activations: list[Array], gradient_RBD: Array, flat_RP: Array
    ) -> None:
        """Write the gradient of all parameters into the flat rows, from the last layer on."""
        lib = array_module(gradient_RBD)
        written = self.views(flat_RP)
        ones_R1B = lib.ones_like(gradient_RBD[:, :, :1]).swapaxes(1, 2)
        for i in reversed(range(len(layers))):
            weight, bias = written[i]
            weight[:] = lib.matmul(activations[i].swapaxes(1, 2), gradient_RBD)
            bias[:] = lib.matmul(ones_R1B, gradient_RBD)
            if i:
                gradient_RBD = lib.matmul(gradient_RBD, layers[i][0].swapaxes(1, 2))
                self.activation_backward(gradient_RBD, activations[i])


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
        ctx.activations = layers.activations(ctx.views, as_native(input_RBI))
        return as_tensor(ctx.activations[-1])

    @staticmethod
    def backward(ctx: Any, gradient_RBD: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the flat rows; numbers beyond the layers have gradient zero."""
        flat_RP = gradient_RBD.new_zeros(len(gradient_RBD), ctx.row)
        ctx.layers.backward(ctx.views, ctx.activations, as_native(gradient_RBD), as_native(flat_RP))
        return flat_RP, None, None
