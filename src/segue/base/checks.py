"""Checks of single values: each returns the value as a plain Python type, or raises an exception.

A value of the wrong type is a TypeError, an impossible value of the right type a ValueError.
Booleans are not numbers. `name` is what the message calls the value.
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import TypeGuard


def whole_number(name: str, value: object, least: int | None = None) -> int:
    """Return `value` as an int; a value below `least` is a ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}.")
    number = int(value)
    if least is not None and number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}.")
    return number


def count(name: str, value: object) -> int:
    """Return `value` as an int of at least 1."""
    return whole_number(name, value, least=1)


def finite(name: str, value: object) -> float:
    """Return `value` as a float that is neither infinite nor NaN."""
    number = _real(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}.")
    return number


def fraction(name: str, value: object) -> float:
    """Return `value` as a float in [0, 1]."""
    number = _real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {number}.")
    return number


def positive(name: str, value: object) -> float:
    """Return `value` as a float above 0; infinity is allowed."""
    number = _real(name, value)
    if not number > 0:
        raise ValueError(f"{name} must be above 0, got {number}.")
    return number


def flag(name: str, value: object) -> bool:
    """Return `value` as a bool; 0 and 1 are refused."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return value


def text(name: str, value: object) -> str:
    """Return `value` as a string that is not empty."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {value!r}.")
    if not value:
        raise ValueError(f"{name} must not be empty.")
    return value


def names(name: str, value: object) -> tuple[str, ...]:
    """Return `value` as a tuple of strings.

    A single string is refused, since it would be read letter by letter.
    """
    if isinstance(value, str):
        raise TypeError(
            f"{name} must be a list of names, got the string {value!r}: write [{value!r}]."
        )
    if not isinstance(value, Sequence):  # weights are matched to names by position; a set has none
        raise TypeError(f"{name} must be a list of names, got {value!r}.")
    return tuple(text(f"Each of {name}", entry) for entry in value)


def _real(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    return float(value)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
