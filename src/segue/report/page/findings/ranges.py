"""Positions of values in the ranges of their parameters."""

import math
from typing import Any, Literal, TypeGuard

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

_BORDER = 0.05  # share of a range


def end_of_range(value: Any, distribution: BaseDistribution) -> Literal["lower", "upper"] | None:
    """Return the end of the range at which a value lies; None if it lies elsewhere.

    Choices have ends if they are at least three numbers.
    """
    if isinstance(distribution, CategoricalDistribution):
        numbers = sorted(float(choice) for choice in distribution.choices if _is_number(choice))
        if len(numbers) < len(distribution.choices) or len(numbers) < 3:
            return None
        return "lower" if value == numbers[0] else "upper" if value == numbers[-1] else None
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    share = _share(float(value), distribution)
    return "lower" if share < _BORDER else "upper" if share > 1 - _BORDER else None


def _share(value: float, distribution: FloatDistribution | IntDistribution) -> float:
    """Return the position of a value in its range, from 0 to 1."""
    scale = math.log if distribution.log else float
    low = scale(distribution.low)
    high = scale(distribution.high)
    return (scale(value) - low) / (high - low)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
