"""One number from the metrics of several seeds."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from segue.plan.mode import Mode

Aggregate = Literal["mean", "iqm", "worst"]
AGGREGATES = ("mean", "iqm", "worst")


def aggregate_seeds(values: Sequence[float], how: Aggregate = "mean", mode: Mode = "max") -> float:
    """Return the mean of `values`, their interquartile mean, or the worst; NaN if one is NaN.

    The interquartile mean (Agarwal et al., NeurIPS 2021) leaves out a quarter of the values,
    rounded down, at each end: below four seeds it is the mean.

    >>> aggregate_seeds([1, 2, 3, 100], "iqm"), aggregate_seeds([1, 2, 3], "worst")
    (2.5, 1.0)
    >>> aggregate_seeds([1, 2, 3], "worst", "min")
    3.0
    """
    if any(math.isnan(value) for value in values):
        return math.nan
    if how == "worst":
        return float(min(values) if mode == "max" else max(values))
    cut = len(values) // 4 if how == "iqm" else 0
    return fmean(sorted(values)[cut : len(values) - cut])
