"""Gated recurrent units (Cho et al., 2014, in the form of `torch.nn.GRU`).

    r, z = sigmoid(a_r), sigmoid(a_z)        a = x W + b + h U
    n    = tanh(x W_n + b_n + r * (h U_n + c_n))
    h'   = (1 - z) * n + z * h

Where an episode begins, h is zero.

Shapes: K members, n lanes, T steps, H units; gates in the order r, z, n; memory is h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from segue.train.autograd import apply
from segue.train.data.batch import Sequences
from segue.train.policies.arrays.products import column_sums
from segue.train.policies.arrays.stacked import Array, array_module, as_native, as_tensor
from segue.train.policies.cores.core import Core, Drawn, Shapes, Weights
from segue.train.policies.cores.scan import member_major, memory_factors, step_factors, time_major
from segue.train.policies.initial import DrawLayer, orthogonal_layer


@dataclass(frozen=True)
class GRU(Core):
    """`hidden` gated recurrent units."""

    @property
    def gates(self) -> int:
        """Reset and update gate, and the candidate."""
        return 3

    @property
    def memory(self) -> int:
        """Number of memory numbers of one lane: those of h."""
        return self.hidden

    @property
    def shapes(self) -> Shapes:
        """Recurrent weights, and the bias within the candidate's reset."""
        return {**super().shapes, "candidate_bias": (1, self.hidden)}

    def initial(self, generator: np.random.Generator, draw: DrawLayer = orthogonal_layer) -> Drawn:
        """See `Core.initial`; with the bias of the candidate."""
        weight, bias = draw(generator, self.hidden, self.gates * self.hidden, 1.0)
        return {"recurrent": weight, "candidate_bias": bias[:, 2 * self.hidden :]}

    def step(self, weights: Weights, gates_KNG: Tensor, memory_KNM: Array) -> tuple[Array, Array]:
        """See `Core.step`."""
        gates = as_native(gates_KNG)
        size = self.hidden
        recurrent = array_module(gates).matmul(memory_KNM, as_native(weights["recurrent"]))
        both = gates[..., : 2 * size]
        both += recurrent[..., : 2 * size]
        as_tensor(both).sigmoid_()
        r, z, n = thirds(gates, size)
        candidate = recurrent[..., 2 * size :] + as_native(weights["candidate_bias"])
        squash_candidate(r, n, candidate)
        hidden = n + z * (memory_KNM - n)
        return hidden, hidden

    def sequence(self, weights: Weights, gates_KBG: Tensor, sequences: Sequences | None) -> Tensor:
        """See `Core.sequence`."""
        assert sequences is not None
        features: Tensor = apply(
            GRUScan, gates_KBG, weights["recurrent"], weights["candidate_bias"], *sequences
        )
        return features


class GRUScan(Function):
    """The features of all steps, with an explicit backward pass through time."""

    @staticmethod
    def forward(
        ctx: Any,
        gates_KBG: Tensor,
        recurrent: Tensor,
        bias: Tensor,
        memory_KnM: Tensor,
        begins_KTn: Tensor,
    ) -> Tensor:
        """Return `[K, T*n, H]`."""
        members, steps, lanes = begins_KTn.shape
        size = recurrent.shape[1]
        gates = time_major(as_native(gates_KBG), steps)
        own = as_native(bias)
        weight = as_native(recurrent)
        lib = array_module(gates)
        keep = step_factors(begins_KTn)
        h = as_native(gates_KBG.new_empty(steps + 1, members, lanes, size))
        h[0] = as_native(memory_KnM)
        candidates = lib.empty_like(h[1:])  # h U_n + c_n, before the reset gate
        both = gates[..., : 2 * size]
        sigmoids = as_tensor(gates[..., : 2 * size]).unbind(0)
        for t, (r, z, n) in enumerate(zip(*thirds(gates, size), strict=True)):
            hidden = h[t] if keep[t] is None else h[t] * keep[t]
            products = lib.matmul(hidden, weight)
            both[t] += products[..., : 2 * size]
            sigmoids[t].sigmoid_()
            lib.add(products[..., 2 * size :], own, out=candidates[t])
            squash_candidate(r, n, candidates[t])
            lib.subtract(hidden, n, out=h[t + 1])
            h[t + 1] *= z
            h[t + 1] += n
        ctx.save_for_backward(
            recurrent, *(as_tensor(part) for part in (gates, h, candidates)), begins_KTn
        )
        ctx.keep = keep
        return as_tensor(member_major(h[1:]))

    @staticmethod
    def backward(ctx: Any, d_features: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Return the gradients of gates' inputs, recurrent weights and candidate's bias."""
        recurrent, gates, h, candidates, begins = ctx.saved_tensors
        before = h[:-1] * memory_factors(begins)
        size = recurrent.shape[1]
        steps = len(candidates)
        d_out = time_major(as_native(d_features), steps)
        slopes = gru_slopes(gates, before, candidates, size)
        # a copy, since OpenBLAS would rearrange it at each step
        transposed = as_native(recurrent.transpose(1, 2).contiguous())
        lib = array_module(d_out)
        r, z, _ = thirds(as_native(gates), size)
        # becomes the gradient step by step
        d_gates = as_native(slopes)
        parts = thirds(as_native(slopes), size)
        d_products = lib.empty_like(
            d_gates
        )  # of h U: as the gates', but the candidate's through the reset gate
        d_candidates = d_products[..., 2 * size :]
        d_hidden = lib.zeros_like(d_out[0])
        for t in reversed(range(steps)):
            d_hidden += d_out[t]
            for part in parts:
                part[t] *= d_hidden
            d_products[t] = d_gates[t]
            d_candidates[t] *= r[t]
            d_hidden = d_hidden * z[t] + lib.matmul(d_products[t], transposed)
            if ctx.keep[t] is not None:
                d_hidden *= ctx.keep[t]
        products = member_major(d_products)
        hidden = member_major(as_native(before))
        d_recurrent = lib.matmul(hidden.swapaxes(1, 2), products)
        d_bias = column_sums(products[..., 2 * size :])
        return (
            as_tensor(member_major(d_gates)),
            as_tensor(d_recurrent),
            as_tensor(d_bias),
            None,
            None,
        )


def squash_candidate(r: Array, n: Array, candidate: Array) -> None:
    """Turn the candidate's inputs `n` into `tanh(n + r * candidate)`, in place."""
    n += r * candidate
    array_module(n).tanh(n, out=n)


def gru_slopes(gates: Tensor, hidden: Tensor, candidate: Tensor, size: int) -> Tensor:
    """Return `d h' / d` the inputs of r, z and n, `[T, K, n, 3H]`."""
    r, z, n = thirds(gates, size)
    slopes = torch.empty_like(gates)
    into = thirds(slopes, size)
    torch.mul(1 - z, 1 - n * n, out=into[2])
    torch.mul(hidden - n, z - z * z, out=into[1])
    torch.mul(into[2] * candidate, r - r * r, out=into[0])
    return slopes


def thirds(gates: Array, size: int) -> tuple[Array, Array, Array]:
    """Return views of the gates r, z and n."""
    r, z, n = (gates[..., part * size : (part + 1) * size] for part in range(3))
    return r, z, n
