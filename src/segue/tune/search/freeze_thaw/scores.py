"""Values by their ranks."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]
SHRUNK = 0.3
"""What remains of a score below the median: only the best trials matter."""


def normal_scores(values: Array) -> Array:
    """Return the normal scores of values, with a standard deviation of 1.

    Equal values share their mean rank. All scores are 0 if all values are equal.
    """
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    up_to = np.searchsorted(ordered, values, side="right")
    # The mean rank of a value, from 1, is (below + 1 + up_to) / 2.
    scores = _quantiles(len(values))[below + up_to]
    spread = scores.std()
    found: Array = scores / spread if spread > 0 else np.zeros(len(values))
    return found


def shrunk(scores: Array) -> Array:
    """Return scores in which only differences between the best count much.

    Scores below the median are shrunk; mean and standard deviation are 0 and 1 again.
    """
    found: Array = np.where(scores < 0, SHRUNK * scores, scores)
    found -= found.mean()
    spread = found.std()
    if spread > 0:
        found /= spread
    return found


@cache
def _quantiles(count: int) -> Array:
    """Return the normal quantiles of the doubled mean ranks 0, 1, ... of `count` values."""
    doubled = np.arange(2 * count + 1)
    # Entry b + u belongs to the mean rank (b + 1 + u) / 2, whose quantile is at (rank - 1/2) / n.
    levels = np.clip(doubled / 2 / count, 1e-9, 1 - 1e-9)
    found: Array = ndtri(levels)
    return found
