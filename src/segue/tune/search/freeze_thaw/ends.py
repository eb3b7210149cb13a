"""What unfinished trials would end with, from what came after similar reports of others."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from segue.tune.search.freeze_thaw.curve import Curve
from segue.tune.search.freeze_thaw.scores import Array, normal_scores

WIDTH = 0.5
"""Standard deviation, in normal scores, of the weights of trials with similar values."""
SURE = 0.8
"""The probability that an end lies in its interval."""
OTHER_TRANSITION = 0.2
"""Weight of a gain between other stages."""
Counts = NDArray[np.int64]
POINTS = 30
"""The most points of a run at which trials are compared."""
_LEAST_WEIGHT = 1e-9


class PredictedEnds(NamedTuple):
    """The value that each trial ends with, and the standard deviation of the prediction."""

    values: Array
    spreads: Array

    @property
    def half_widths(self) -> Array:
        """How far the interval of each end reaches, which holds it with the probability `SURE`."""
        return np.asarray(ndtri((1 + SURE) / 2) * self.spreads)


def predicted_ends(curves: Sequence[Curve]) -> PredictedEnds:
    """Return the value that each trial ends with, predicted for those that have not ended.

    The run is divided into as many points as a trial has reports. From the first to the last, a
    trial without a value has its last one plus the mean gain of the trials that went on, weighted
    by how similar their values were at the point before (a Gaussian kernel over normal scores).
    Gains across another pair of stages count a fifth. Values that are not finite count as the worst
    finite one. Each trial has one report at least.

    The variance of a prediction is the sum over these points of the gains' weighted variance, where
    the variance of all gains counts as one more trial, since few trials may be similar.
    """
    known, reached = values_at_points(curves)
    points = known.shape[1]
    stages = _stages(curves, points)
    ends = known[:, 0].copy()
    variances = np.zeros(len(curves))
    for point in range(1, points):
        have = reached > point
        lack = ~have
        before = ends
        ends = np.where(have, known[:, point], before)
        if have.any() and lack.any():
            scores = normal_scores(before)
            distance = (scores[lack][:, None] - scores[have][None, :]) / WIDTH
            weights = np.exp(-0.5 * distance**2)
            transition = stages[:, point - 1] * (stages.max() + 1) + stages[:, point]
            is_other = transition[lack][:, None] != transition[have][None, :]
            weights[is_other] *= OTHER_TRANSITION
            gains = ends[have] - before[have]
            mean, variance = _mean_and_variance(weights, gains)
            ends[lack] = before[lack] + mean
            variances[lack] += variance
    return PredictedEnds(ends, np.sqrt(variances))


def _mean_and_variance(weights: Array, gains: Array) -> tuple[Array, Array]:
    """Return the weighted mean of the gains, and the variance of a further gain, for each row.

    With an effective number n of gains (Kish, 1965), the variance is that of the weighted gains
    plus 1 / n of that of all gains, times 1 + 1 / n for the error of the mean.
    """
    total = np.maximum(weights.sum(axis=1), _LEAST_WEIGHT)
    mean = weights @ gains / total
    weighted = np.maximum(weights @ gains**2 / total - mean**2, 0.0)
    part = (weights**2).sum(axis=1) / total**2  # 1 / n
    return mean, (weighted + part * gains.var()) * (1 + part)


def _points(curves: Sequence[Curve]) -> int:
    """Return at how many points of a run the trials are compared."""
    shares = [curve.steps[-1] / curve.stage_ends[-1] / len(curve.steps) for curve in curves]
    return int(np.clip(round(1 / max(float(np.median(shares)), 1e-9)), 1, POINTS))


def values_at_points(curves: Sequence[Curve]) -> tuple[Array, Counts]:
    """Return the value of each trial at each point of a run, and how many points it has reached.

    A value that is not finite is the worst finite one; one at a point not reached is NaN.
    """
    points = _points(curves)
    table = np.full((len(curves), points), np.nan)
    reached = np.empty(len(curves), dtype=np.int64)
    for row, curve in enumerate(curves):
        end = curve.stage_ends[-1]
        last = 0
        for step, value in zip(curve.steps, curve.smoothed, strict=True):
            point = min(max(round(step / end * points), 1), points)
            table[row, last:point] = value if point > last else np.nan
            table[row, point - 1] = value
            last = point
        reached[row] = points if curve.remaining == 0 else last
        table[row, last : reached[row]] = table[row, last - 1]
    finite = table[np.isfinite(table)]
    worst = finite.min() if len(finite) else 0.0
    return np.where(np.isneginf(table), worst, table), reached


def _stages(curves: Sequence[Curve], points: int) -> Array:
    """Return a number for the stage of each trial at each point, and its number of stages."""
    found = np.empty((len(curves), points))
    for row, curve in enumerate(curves):
        of = len(curve.stage_ends)
        end = curve.stage_ends[-1]
        at = [curve.stage_at(point * end / points) for point in range(1, points + 1)]
        found[row] = np.asarray(at) + of * (of - 1) / 2  # no two pairs have the same number
    return found
