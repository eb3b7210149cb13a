"""Which trials run to their end whatever is predicted of them, since early values may mislead."""

from collections.abc import Sequence
from itertools import count

import numpy as np

from segue.tune.search.freeze_thaw.curve import Curve, Status
from segue.tune.search.freeze_thaw.scores import Array

PROTECTED = 12
"""Every trial of such a rank, in the order in which they begin, runs to its end."""
CHECKS = 4
"""How many of the oldest trials run to their end for each trial that ended badly."""
COMMON = 0.75
"""If so many of the trials that were not preferred fall, values fall in general."""
LEVEL = 0.85
"""The quantile of the unfinished trials' newest values that a trial that ends should exceed."""


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
    unfinished = [each for each in curves if each.steps and each.status != Status.ENDED]
    ended = [rank for rank, each in enumerate(curves) if each.status == Status.ENDED]
    if not unfinished or not ended:
        return 0
    ranks = np.array(ended)
    ends = np.array([curves[rank].smoothed[-1] for rank in ended])
    newest = np.array([each.smoothed[-1] for each in unfinished])
    falls = _falls([curves[rank] for rank in ended], unfinished)
    twelfth = (ranks + 1) % PROTECTED == 0
    for oldest in count():
        not_preferred = twelfth | (ranks < oldest)
        fall = _common(falls[not_preferred])
        level = np.quantile(newest - fall, LEVEL, method="nearest")
        if oldest >= CHECKS * np.sum(~not_preferred & (ends < level)):
            break
    return oldest


def _common(falls: Array) -> Array | float:
    """Return by how much trials that were not preferred fall: three quarters fall by more."""
    if len(falls) < CHECKS:
        return 0.0
    return np.maximum(np.quantile(falls, 1 - COMMON, axis=0), 0.0)


def _falls(ended: Sequence[Curve], unfinished: Sequence[Curve]) -> Array:
    """Return by how much each trial fell to its end from the step at which each other one is.

    Zero where one of the two values is not finite.
    """
    at = [each.steps[-1] / each.stage_ends[-1] for each in unfinished]
    table = []
    for each in ended:
        steps = np.array(each.steps) / each.stage_ends[-1]
        values = np.where(np.isfinite(each.smoothed), each.smoothed, np.nan)
        table.append(np.interp(at, steps, values) - values[-1])
    return np.asarray(np.nan_to_num(table))
