"""Long short-term memory, with a forget gate.

References: Hochreiter & Schmidhuber, 1997; Gers et al., 2000.

    i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)        a = x W + b + h U
    g       = tanh(a_g)
    c'      = f * c + i * g
    h'      = o * tanh(c')

Where an episode begins, h and c are zero. The candidate's tanh is computed as 2 sigmoid(2x) - 1, so
that all gates are one call of torch's sigmoid, the fastest one on a CPU.

Shapes: K members, n lanes, T steps, H units; gates in the order i, f, o, g; memory is h and c side
by side, `[.., 2H]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from segue.train.autograd import apply
from segue.train.data.batch import Sequences
from segue.train.policies.arrays.stacked import Array, array_module, as_native, as_tensor
from segue.train.policies.cores.core import Core, Weights
from segue.train.policies.cores.scan import (
    member_major,
    memory_factors,
    sigmoid_by_member,
    step_factors,
    time_major,
    weight_gradient,
)


@dataclass(frozen=True)
class LSTM(Core):
    """A long short-term memory of `hidden` units."""

    @property
    def gates(self) -> int:
        """Input, forget and output gate, and the candidate."""
        return 4

    @property
    def memory(self) -> int:
        """Number of memory numbers of one lane: those of h and of c."""
        return 2 * self.hidden

    def step(self, weights: Weights, gates_KNG: Tensor, memory_KNM: Array) -> tuple[Array, Array]:
        """See `Core.step`."""
        size = self.hidden
        hidden = memory_KNM[..., :size]
        cell = memory_KNM[..., size:]
        lib = array_module(memory_KNM)
        gates = as_native(gates_KNG)
        gates += lib.matmul(hidden, as_native(weights["recurrent"]))
        i, f, o, g = quarters(gates, size)
        g *= 2
        sigmoid_by_member(gates_KNG)
        memory = lib.empty_like(memory_KNM)
        hidden = memory[..., :size]
        cell_next = memory[..., size:]
        write_next_cell(i, f, g, cell, cell_next)
        lib.multiply(o, lib.tanh(cell_next), out=hidden)
        return hidden, memory

    def sequence(self, weights: Weights, gates_KBG: Tensor, sequences: Sequences | None) -> Tensor:
        """See `Core.sequence`."""
        assert sequences is not None
        features: Tensor = apply(LSTMScan, gates_KBG, weights["recurrent"], *sequences)
        return features


class LSTMScan(Function):
    """The features of all steps, with an explicit backward pass through time."""

    @staticmethod
    def forward(
        ctx: Any, gates_KBG: Tensor, recurrent: Tensor, memory_KnM: Tensor, begins_KTn: Tensor
    ) -> Tensor:
        """Return `[K, T*n, H]`."""
        members, steps, lanes = begins_KTn.shape
        size = recurrent.shape[1]
        doubled = recurrent.clone()
        doubled[..., 3 * size :] *= 2
        gates = time_major(as_native(gates_KBG), steps)
        weight = as_native(doubled)
        gates[..., 3 * size :] *= 2
        lib = array_module(gates)
        recurrence = as_native(gates_KBG.new_empty(members, lanes, 4 * size))
        h, c = (as_native(gates_KBG.new_empty(steps + 1, members, lanes, size)) for _ in range(2))
        memory = as_native(memory_KnM)
        h[0] = memory[..., :size]
        c[0] = memory[..., size:]
        squashed = lib.empty_like(h[1:])
        keep = step_factors(begins_KTn)
        parts = zip(*quarters(gates, size), strict=True)
        sigmoids = as_tensor(gates).unbind(0)
        for t, (gate, (i, f, o, g), sigmoid) in enumerate(zip(gates, parts, sigmoids, strict=True)):
            hidden = h[t]
            cell = c[t]
            if keep[t] is not None:
                hidden = hidden * keep[t]
                cell = cell * keep[t]
            gate += lib.matmul(hidden, weight, out=recurrence)
            sigmoid_by_member(sigmoid)
            write_next_cell(i, f, g, cell, c[t + 1])
            lib.tanh(c[t + 1], out=squashed[t])
            lib.multiply(o, squashed[t], out=h[t + 1])
        ctx.save_for_backward(
            recurrent, *(as_tensor(part) for part in (gates, h, c, squashed)), begins_KTn
        )
        ctx.keep = keep
        return as_tensor(member_major(h[1:]))

    @staticmethod
    def backward(ctx: Any, d_features: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients of the gates' inputs and of the recurrent weights.

        The memory before the first step has no gradient.
        """
        recurrent, gates, h, c, squashed, begins = ctx.saved_tensors
        size = recurrent.shape[1]
        steps = len(squashed)
        factors = memory_factors(begins)
        slopes, per_hidden = (
            as_native(part) for part in lstm_slopes(gates, c[:-1] * factors, squashed, size)
        )
        d_out = time_major(as_native(d_features), steps)
        # a copy, since OpenBLAS would rearrange it at each step
        transposed = as_native(recurrent.transpose(1, 2).contiguous())
        forget = as_native(gates[..., size : 2 * size])
        lib = array_module(slopes)
        # becomes the gradient step by step
        d_gates = slopes
        d_i, d_f, d_o, d_g = quarters(slopes, size)
        d_hidden = lib.zeros_like(d_out[0])
        d_cell = lib.zeros_like(d_out[0])
        for t in reversed(range(steps)):
            d_hidden += d_out[t]
            per_hidden[t] *= d_hidden
            d_cell += per_hidden[t]
            d_i[t] *= d_cell
            d_f[t] *= d_cell
            d_o[t] *= d_hidden
            d_g[t] *= d_cell
            d_cell *= forget[t]
            lib.matmul(d_gates[t], transposed, out=d_hidden)
            if ctx.keep[t] is not None:
                d_hidden *= ctx.keep[t]
                d_cell *= ctx.keep[t]
        d_recurrent, d_inputs = weight_gradient(as_native(h[:-1] * factors), d_gates)
        return as_tensor(d_inputs), as_tensor(d_recurrent), None, None


def write_next_cell(i: Array, f: Array, g: Array, cell: Array, cell_next: Array) -> None:
    """Write `c' = f c + i g` into `cell_next`.

    On entry, g is the logistic function of twice its input; on return it is its tanh.
    """
    g *= 2
    g -= 1
    array_module(f).multiply(f, cell, out=cell_next)
    cell_next += i * g


def lstm_slopes(gates: Tensor, cell: Tensor, squashed: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the factors of the gates' gradients, `[T, K, n, 4H]`, and `d c' / d h'`.

    `d c' / d h' = o (1 - tanh(c')^2)`.
    """
    i, f, o, g = quarters(gates, size)
    slopes = torch.empty_like(gates)
    into = quarters(slopes, size)
    torch.mul(g, i - i * i, out=into[0])
    torch.mul(cell, f - f * f, out=into[1])
    torch.mul(squashed, o - o * o, out=into[2])
    torch.mul(i, 1 - g * g, out=into[3])
    return slopes, o * (1 - squashed * squashed)


def quarters(gates: Array, size: int) -> tuple[Array, Array, Array, Array]:
    """Return views of the gates i, f, o and g."""
    i, f, o, g = (gates[..., part * size : (part + 1) * size] for part in range(4))
    return i, f, o, g
