"""Checks of hyperparameters that all losses use."""

from __future__ import annotations

from segue.base.checks import is_number


def require_non_negative(loss: object, *names: str) -> None:
    """Raise ValueError, naming the attribute, unless each is a finite number >= 0."""
    for name in names:
        value = getattr(loss, name)
        if not (is_number(value) and value >= 0):
            raise ValueError(
                f"{type(loss).__name__}({name}={value!r}): {name} is a finite number of at least 0."
            )


def require_positive(loss: object, name: str) -> None:
    """Raise ValueError, naming the attribute, unless it is a finite number > 0."""
    value = getattr(loss, name)
    if not (is_number(value) and value > 0):
        raise ValueError(
            f"{type(loss).__name__}({name}={value!r}): {name} is a finite number above 0, or None."
        )
