"""Which trials run to their end whatever is predicted of them, since early values may mislead."""

from collections.abc import Sequence

import numpy as np

from segue.tune.search.freeze_thaw.curve import Curve, Status
from segue.tune.search.freeze_thaw.ends import values_at_points
from segue.tune.search.freeze_thaw.scores import Array

PROTECTED = 12
"""Every trial of such a rank, in the order in which they begin, runs to its end."""
CHECKS = 4
"""How many of the oldest trials run to their end for each trial that ended badly."""
COMMON = 0.75
"""If so many of the trials that were not preferred fall, values fall in general."""
LEVEL = 0.85
"""The quantile of the unfinished trials' newest values that a trial that ends should exceed."""
MARGIN = 0.05
"""By how much it may fall short of it, as a share of the range of values: reports have noise."""
COMPARED = 5
"""The fewest unfinished trials that it is compared with: of fewer, the quantile is the largest."""


def protected(curves: Sequence[Curve]) -> list[Curve]:
    """Return the trials that run to their end in any case, in the order in which they began.

    A trial that was preferred to others, and yet ended no better than these are now, is a sign that
    early values mislead. For each, `CHECKS` of the oldest trials run to their end as well: most of
    them are random points, and they show what trials become that looked worse. Where most of these
    fall as well, values fall in general, and trials may end lower.
    """
    oldest = _checked(curves)
    return [
        curve for rank, curve in enumerate(curves) if rank < oldest or (rank + 1) % PROTECTED == 0
    ]


def _checked(curves: Sequence[Curve]) -> int:
    """Return the smallest k that is at least `CHECKS` times the bad trials after the k oldest."""
    reported = [rank for rank, curve in enumerate(curves) if curve.steps]
    has_ended = np.array([curves[rank].status == Status.ENDED for rank in reported], dtype=bool)
    if np.sum(~has_ended) < COMPARED or not has_ended.any():
        return 0
    table, reached = values_at_points([curves[rank] for rank in reported])
    at = reached[~has_ended] - 1
    newest = table[~has_ended, at]
    ranks = np.array(reported)[has_ended]
    ends = table[has_ended, -1]
    falls = table[has_ended] - ends[:, None]
    low, high = np.quantile(np.concatenate([newest, ends]), [0.1, 0.9])
    margin = MARGIN * (high - low)
    is_twelfth = (ranks + 1) % PROTECTED == 0
    oldest = 0
    while True:
        not_preferred = is_twelfth | (ranks < oldest)
        level = np.quantile(newest - _common(falls[not_preferred])[at], LEVEL, method="nearest")
        needed = max(oldest, CHECKS * int(np.sum(~not_preferred & (ends < level - margin))))
        # Up to the next trial that ended, the same ones are not preferred.
        following = next((rank for rank in ranks.tolist() if rank >= oldest), needed)
        if needed <= following:
            return needed
        oldest = following + 1


def _common(falls: Array) -> Array:
    """Return by how much trials that were not preferred fall from each point of a run to its end.

    Three quarters fall by more. `falls` has a row for each of them.
    """
    if len(falls) < CHECKS:
        return np.zeros(falls.shape[1])
    return np.maximum(np.quantile(falls, 1 - COMMON, axis=0), 0.0)
