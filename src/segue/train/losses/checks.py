"""Checks of hyperparameters that all losses use."""

from __future__ import annotations

import math


def require_non_negative(loss: object, *names: str) -> None:
    """Raise ValueError, naming the attribute, unless each is a finite number >= 0."""
    for name in names:
        value = getattr(loss, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and value >= 0):
            raise ValueError(
                f"{type(loss).__name__}({name}={value!r}): {name} is a finite number of at least 0."
            )
