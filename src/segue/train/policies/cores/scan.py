"""Functions that the passes of recurrent cores over sequences share.

Shapes: K members, T steps, n lanes, B = T*n samples, H units, G gate inputs.
"""

from __future__ import annotations

from torch import Tensor

from segue.train.policies.arrays.stacked import Array, array_module, as_native


def time_major(rows_KBG: Array, steps: int) -> Array:
    """Return a copy `[T, K, n, G]` of rows `[K, T*n, G]`.

    The numbers that one step reads are contiguous.
    """
    members, samples, width = rows_KBG.shape
    apart = rows_KBG.reshape(members, steps, samples // steps, width).swapaxes(0, 1)
    return apart.clone() if isinstance(apart, Tensor) else apart.copy()


def member_major(steps_TKNG: Array) -> Array:
    """Return the inverse of `time_major`, `[K, T*n, G]`."""
    steps, members, lanes, width = steps_TKNG.shape
    return steps_TKNG.swapaxes(0, 1).reshape(members, steps * lanes, width)


def memory_factors(begins_KTn: Tensor) -> Tensor:
    """Return the factors on the memory before each step, `[T, K, n, 1]`.

    A factor is 0 where an episode begins, else 1.
    """
    return (1 - begins_KTn).permute(1, 0, 2).unsqueeze(-1).contiguous()


def step_factors(begins_KTn: Tensor) -> list[Array | None]:
    """Return the factors on the memory by step, `[K, n, 1]`; None where no episode begins.

    A member's results do not depend on its neighbours: multiplying with 1 is exact.
    """
    some = begins_KTn.any(2).any(0).tolist()
    return [
        as_native(factors) if any_ else None
        for factors, any_ in zip(memory_factors(begins_KTn), some, strict=True)
    ]


def weight_gradient(hidden_TKnH: Array, d_gates_TKnG: Array) -> tuple[Array, Array]:
    """Return the gradients of the recurrent weights `[K, H, G]` and of the gates `[K, B, G]`."""
    hidden = member_major(hidden_TKnH)
    d_gates = member_major(d_gates_TKnG)
    return array_module(hidden).matmul(hidden.swapaxes(1, 2), d_gates), d_gates


_VECTOR = 32  # floats that torch's vector code computes at a time, at most


def sigmoid_by_member(gates_KnG: Tensor) -> None:
    """Compute sigmoids in place, of all members at once where that rounds as one by one.

    torch's scalar code, for what is left at the end of an array, rounds differently.
    """
    if gates_KnG.is_cuda or gates_KnG[0].numel() % _VECTOR == 0:
        gates_KnG.sigmoid_()
    else:
        for own in gates_KnG.unbind(0):
            own.sigmoid_()
