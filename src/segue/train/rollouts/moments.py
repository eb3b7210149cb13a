"""Running means and variances, from which observations and rewards are normalised.

Shapes: K members, N samples of a member in a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-8
"""Added to a variance before its root is taken."""
FIRST_COUNT = 1e-4
"""The weight, in samples, of the mean 0 and the variance 1 from which statistics start."""


@dataclass
class Moments:
    """Running means and variances of K members, `[K, ...]`, over `count` samples of each, `[K]`.

    Batches are combined as by Chan et al. (1979).
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    count: NDArray[np.float64]

    @classmethod
    def start(cls, *shape: int) -> Moments:
        """Return the statistics before the first sample."""
        return cls(np.zeros(shape), np.ones(shape), np.full(shape[0], FIRST_COUNT))

    def update(self, batch_KN: NDArray[np.float64], scratch_KN: NDArray[np.float64]) -> None:
        """Add N samples of each member, `[K, N, ...]`; `scratch_KN` of this shape is overwritten.

        Sums run over the lanes of one member, and are taken in 64 bits without a conversion, so
        that their order does not depend on the number of members.
        """
        samples = batch_KN.shape[1]
        total = self.count + samples
        count = self._along_members(self.count)
        self.variance *= count
        if samples == 1:
            apart = batch_KN[:, 0] - self.mean
        else:
            mean = np.add.reduce(batch_KN, 1)
            mean /= samples
            np.subtract(batch_KN, mean[:, None], out=scratch_KN)
            np.square(scratch_KN, out=scratch_KN)
            self.variance += np.add.reduce(scratch_KN, 1)
            apart = np.subtract(mean, self.mean, out=mean)
        share = self._along_members(samples / total)
        self.mean += apart * share
        np.square(apart, out=apart)
        apart *= count * share
        self.variance += apart
        self.variance /= self._along_members(total)
        self.count = total

    def update_each(self, batch_TKN: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add T batches of single numbers, one after another, to statistics `[K]`.

        Return the standard deviations after each of them, `[T, K]`. It is `update` for all batches
        at once: the means after each are sums from the first one on.
        """
        samples = batch_TKN.shape[2]
        mean = np.add.reduce(batch_TKN, 2)
        mean /= samples
        squares = np.square(batch_TKN - mean[:, :, None])
        within = np.add.reduce(squares, 2)
        counts = self.count + samples * np.arange(len(mean) + 1.0)[:, None]
        weighted = np.concatenate([[self.mean * self.count], mean * samples])
        means = np.add.accumulate(weighted, 0) / counts
        apart = np.square(mean - means[:-1]) * (counts[:-1] * samples / counts[1:])
        deviations = np.concatenate([[self.variance * self.count], within + apart])
        variances = np.add.accumulate(deviations, 0) / counts
        self.mean = means[-1]
        self.variance = variances[-1]
        self.count = counts[-1]
        found: NDArray[np.float64] = np.sqrt(variances[1:] + EPSILON)
        return found

    def deviation(self) -> NDArray[np.float64]:
        """Return the standard deviations, `[K, ...]`, which are above 0."""
        deviation: NDArray[np.float64] = np.sqrt(self.variance + EPSILON)
        return deviation

    def select(self, members: Sequence[int]) -> Moments:
        """Return the statistics of these members."""
        rows = list(members)
        return Moments(self.mean[rows], self.variance[rows], self.count[rows])

    def replace(self, members: Sequence[int], others: Moments) -> None:
        """Replace the statistics of these members by those of as many others, in this order."""
        rows = list(members)
        self.mean[rows] = others.mean
        self.variance[rows] = others.variance
        self.count[rows] = others.count

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the statistics."""
        parts = {"mean": self.mean, "variance": self.variance, "count": self.count}
        return {name: part.copy() for name, part in parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the statistics of as many members."""
        self.mean = np.array(state["mean"], np.float64).reshape(self.mean.shape)
        self.variance = np.array(state["variance"], np.float64).reshape(self.variance.shape)
        self.count = np.array(state["count"], np.float64).reshape(self.count.shape)

    @staticmethod
    def together(parts: Sequence[Moments]) -> Moments:
        """Return the statistics of the members of all parts, one part after another."""
        return Moments(
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.variance for part in parts]),
            np.concatenate([part.count for part in parts]),
        )

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Moments:
        """Return the statistics of a state; raise ValueError or TypeError for another form."""
        mean = np.array(state["mean"], np.float64)
        variance = np.array(state["variance"], np.float64)
        return cls(mean, variance.reshape(mean.shape), np.array(state["count"]).reshape(len(mean)))

    def _along_members(self, each_K: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one number of each member in a form that multiplies statistics `[K, ...]`."""
        return each_K.reshape(-1, *(1,) * (self.mean.ndim - 1))


def clip(numbers: NDArray[np.float64], most: float) -> None:
    """Clip numbers to +-`most` in place; `np.clip` takes several times as long for a few."""
    np.minimum(numbers, most, out=numbers)
    np.maximum(numbers, -most, out=numbers)
