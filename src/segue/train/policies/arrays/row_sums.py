"""Differentiable sums of rows of stacked tables: products with sparse ones, without the zeros.

Shapes: K members, R rows of a table, B sums, P rows of a sum, D numbers of a row.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor, arange, from_numpy
from torch.autograd import Function
from torch.nn.functional import embedding_bag

from segue.train.autograd import Context, apply
from segue.train.policies.arrays.products import column_sums
from segue.train.policies.arrays.stacked import as_native, as_tensor


def row_sums(table_KRD: Tensor, index_KBP: Tensor, bias_K1D: Tensor) -> Tensor:
    """Return the sums of the rows with these numbers, plus the bias, `[K, B, D]`, on a CPU."""
    sums: Tensor = apply(RowSums, table_KRD, index_KBP, bias_K1D)
    return sums


class RowSums(Function):
    """Sums of rows with their gradients.

    Each sum adds its rows one after the other, and so does the gradient of each row, so that a
    member's results do not depend on its neighbours. torch's own gradient of `embedding_bag` takes
    seven times as long.
    """

    @staticmethod
    def forward(ctx: Context, table_KRD: Tensor, index_KBP: Tensor, bias_K1D: Tensor) -> Tensor:
        """Return `[K, B, D]`."""
        members, rows, _ = table_KRD.shape
        flat = (index_KBP + rows * arange(members).view(-1, 1, 1)).flatten(0, 1)
        ctx.save_for_backward(table_KRD, flat)
        table = table_KRD.flatten(0, 1)
        sums: Tensor = embedding_bag(flat, table, mode="sum").unflatten(0, (members, -1))
        sums += bias_K1D
        return sums

    @staticmethod
    def backward(ctx: Context, gradient_KBD: Tensor) -> tuple[Tensor, None, Tensor]:
        """Return the gradients of table and bias: a row's is the sum of those of its sums."""
        table_KRD, flat = ctx.saved_tensors
        sums, each = flat.shape
        bounds = np.arange(0, sums * each + 1, each)
        rows = table_KRD.shape[0] * table_KRD.shape[1]
        ones = np.ones(sums * each, np.int8)
        by_row = csr_array((ones, flat.numpy().ravel(), bounds), (sums, rows)).tocsc()
        d_table = embedding_bag(
            from_numpy(by_row.indices),
            gradient_KBD.flatten(0, 1),
            from_numpy(by_row.indptr[:-1]),
            mode="sum",
        )
        d_bias = as_tensor(column_sums(as_native(gradient_KBD)))
        return d_table.view_as(table_KRD), None, d_bias
