"""Points of a space as vectors of numbers from 0 to 1."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from segue.tune.search.freeze_thaw.curve import Proposal
from segue.tune.search.freeze_thaw.scores import Array

_ABSENT = 0.5


def unit_vectors(points: Sequence[Proposal]) -> Array:
    """Return one row per point: its numbers as quantiles under the space, one-hot categories.

    A parameter that a branch of the space lacks is in the middle of its range, and has a further
    column that says whether it is there. The newest point's distribution of a name is used, since
    ranges may change when a sweep is resumed.
    """
    distributions: dict[str, BaseDistribution] = {}
    for point in points:
        distributions.update(point.distributions)
    columns: list[Array] = []
    for name, distribution in sorted(distributions.items()):
        if distribution.single():
            continue
        has = np.array([name in point.parameters for point in points])
        values = [point.parameters.get(name) for point in points]
        columns += _columns(distribution, values, has)
        if not has.all():
            columns.append(has.astype(float))
    return np.stack(columns, axis=1) if columns else np.zeros((len(points), 1))


def at_quantile(distribution: BaseDistribution, quantile: float) -> Any:
    """Return the value of a distribution at a quantile from 0 to 1, exclusive.

    Uniform quantiles give values as random search draws them.
    """
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(quantile * len(distribution.choices))]
    low, high, step = _widened(distribution)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if distribution.log:
        value = math.exp(math.log(low) + quantile * (math.log(high) - math.log(low)))
    else:
        value = low + quantile * (high - low)
    if step:
        value = distribution.low + step * round((value - distribution.low) / step)
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else value


def _widened(distribution: BaseDistribution) -> tuple[float, float, float]:
    """Return the limits of a range and its step; whole numbers stand for the range around them."""
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = float(distribution.step or 0.0)
    return distribution.low - step / 2, distribution.high + step / 2, step


def _columns(distribution: BaseDistribution, values: list[Any], has: Any) -> list[Array]:
    if isinstance(distribution, CategoricalDistribution):
        return [
            has * np.array([float(value == choice) for value in values])
            for choice in distribution.choices
        ]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, _ = _widened(distribution)
    known = np.array([distribution.low if value is None else value for value in values])
    if distribution.log:
        known = np.log(np.maximum(known, low))
        low = math.log(low)
        high = math.log(high)
    found = np.clip((known - low) / (high - low), 0.0, 1.0)
    return [np.where(has, found, _ABSENT)]
