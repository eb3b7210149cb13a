"""The samples of each minibatch of a learning phase.

Shapes: E epochs, M minibatches of an epoch, k members, B = T*N samples of a member from T steps in
N lanes, mb samples or n lanes of a minibatch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segue.train.members.knobs import Knobs
from segue.train.updates.experience import Experience

Generators = Sequence[np.random.Generator]


def minibatches(
    generators: Generators, members: list[int], experience: Experience, row: Knobs
) -> NDArray[np.int64]:
    """Return row numbers `[E, M, k, mb]` into `experience`.

    The rows are shuffled for each member and epoch, with the member's own generator. A policy
    without a memory learns from single samples; one with a memory from whole sequences, n lanes at
    a time. A remainder that `num_mini_batch` does not divide is left out; the samples or lanes in
    it differ between epochs.
    """
    first = np.array(members)[:, None, None] * experience.samples
    if experience.memory is None:
        return np.ascontiguousarray(shuffled(generators, experience.samples, row, first))
    lanes = shuffled(generators, experience.lanes, row, first)
    steps = np.arange(0, experience.samples, experience.lanes)
    return (lanes[..., None, :] + steps[:, None]).reshape(*lanes.shape[:3], -1)


def shuffled(
    generators: Generators, things: int, row: Knobs, first: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return permutations of `things` in M equal parts, `[E, M, k, things // M]`.

    They are offset by `first` `[k, 1, 1]`.
    """
    size = things // row.num_mini_batch
    order = (
        np.array(
            [[generator.permutation(things) for _ in range(row.epochs)] for generator in generators]
        )
        + first
    )
    used = order[:, :, : size * row.num_mini_batch].reshape(
        len(generators), row.epochs, row.num_mini_batch, size
    )
    return used.transpose(1, 2, 0, 3)
