"""Which trials run to their end whatever is predicted of them, since early values may mislead."""

from collections.abc import Sequence
from itertools import count

import numpy as np

from segue.tune.search.freeze_thaw.curve import Curve, Status

PROTECTED = 12
"""Every trial of such a rank, in the order in which they begin, runs to its end."""
CHECKS = 4
"""How many of the oldest trials run to their end for each trial that ended badly."""
LEVEL = 0.85
"""The quantile of the unfinished trials' newest values that a trial that ends should exceed."""


def protected(curves: Sequence[Curve]) -> list[Curve]:
    """Return the trials that run to their end in any case, in the order in which they began.

    A trial that was preferred to others, and yet ended no better than these are now, is a sign that
    early values mislead. For each, `CHECKS` of the oldest trials run to their end as well: most of
    them are random points, and they show what trials become that looked worse. The oldest ones
    themselves were not preferred, and are no sign.
    """
    oldest = _checked(_bad_ranks(curves))
    return [
        curve for rank, curve in enumerate(curves) if rank < oldest or _is_protected_by_rank(rank)
    ]


def _checked(bad: Sequence[int]) -> int:
    """Return the smallest k that is at least `CHECKS` times the bad trials after the k oldest."""
    return next(k for k in count() if k >= CHECKS * sum(rank >= k for rank in bad))


def _bad_ranks(curves: Sequence[Curve]) -> list[int]:
    """Return the ranks of the trials that were preferred to others, but ended badly."""
    unfinished = [c.smoothed[-1] for c in curves if c.steps and c.status != Status.ENDED]
    if not unfinished:
        return []
    level = np.quantile(unfinished, LEVEL, method="nearest")
    return [
        rank
        for rank, curve in enumerate(curves)
        if curve.status == Status.ENDED
        and not _is_protected_by_rank(rank)
        and curve.smoothed[-1] < level
    ]


def _is_protected_by_rank(rank: int) -> bool:
    return (rank + 1) % PROTECTED == 0
