"""Ranges of numbers that can be proposed."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from segue.plan.spaces.choices import plain_scalar

_DECIMALS = 12
_TOLERANCE = 1e-8  # of a multiple of a step, as Optuna has it


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included: ints if both are ints, else floats.

    With `step`, only those that are a multiple of it above `low`; `high` is one of them. With
    `log`, numbers are proposed uniformly in the logarithm.
    """

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False

    @property
    def is_integer(self) -> bool:
        """Whether the numbers are ints."""
        return isinstance(self.low, int)

    @property
    def ends(self) -> list[Any]:
        """The lowest and the highest number, which may be the same."""
        return [self.low] if self.low == self.high else [self.low, self.high]

    def recorded(self, name: str, value: object) -> int | float:
        """Return a value as the number that would be proposed: an int, a float, a multiple.

        Raise ValueError, naming the parameter, for a value outside of the range, or of another
        kind.
        """
        number = self._number(plain_scalar(value))
        if number is None:
            raise ValueError(f"The value {value!r} of {name!r} is not in the space: {self}.")
        return number

    def _number(self, value: object) -> int | float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if not self.low <= value <= self.high or (self.is_integer and value != int(value)):
            return None
        number = int(value) if self.is_integer else float(value)
        if self.step is None:
            return number
        steps = (number - self.low) / self.step
        if abs(steps - round(steps)) >= _TOLERANCE:
            return None
        # As Optuna computes it, so that a repetition is recognised: 3 * 0.1 is not 0.3.
        return min(self.low + round(steps) * self.step, self.high)

    def __str__(self) -> str:
        noun = "whole numbers" if self.is_integer else "numbers"
        steps = f" in steps of {self.step}" if self.step not in (None, 1) else ""
        return f"{noun} from {self.low} to {self.high}{steps}"


def checked_range(
    name: str, low: Any, high: Any, step: Any = None, *, log: bool = False, whole: bool = False
) -> Range:
    """Return a range of ints (`whole`) or floats that a space function requests.

    `high` is lowered to a multiple of `step` above `low`. Raise ValueError, naming the parameter,
    for a range from which nothing can be proposed.
    """
    convert = _whole if whole else _real
    first = convert(name, low)
    last = convert(name, high)
    width = None if step is None else convert(name, step)
    if first > last:
        raise ValueError(
            f"The range of {name!r} is empty, from {first} to {last}: give the smaller end first."
        )
    if log and first <= 0:
        raise ValueError(
            f"The range of {name!r} is logarithmic, so it must lie above 0, got the end {first}."
        )
    if width is not None and width <= 0:
        raise ValueError(f"The step of {name!r} must be above 0, got {width}.")
    if log and width not in (None, 1):
        raise ValueError(
            f"The range of {name!r} is both logarithmic and in steps, which Optuna cannot propose:"
            " drop the step, or list the values in suggest_categorical."
        )
    if width is None or log:
        return Range(first, last, None, log)
    if not whole:
        first = round(first, _DECIMALS)
        width = round(width, _DECIMALS)
    return Range(first, _last_multiple(first, last, width), width)


def multiples(name: str, low: Any, high: Any, step: Any, *, whole: bool) -> Range:
    """Return the multiples of `step` between two ends, as quantised domains of `ray.tune` mean.

    Raise ValueError, naming the parameter, if there are none.
    """
    convert = _whole if whole else _real
    width = convert(name, step)
    if width <= 0:
        raise ValueError(f"The domain of {name!r} has steps of {width}: give q above 0.")
    first = 0 - _last_multiple(0, -convert(name, low), width)  # not -0.0
    last = _last_multiple(0, convert(name, high), width)
    if first > last:
        raise ValueError(
            f"The domain of {name!r} has no multiple of {width} between {low} and {high}: choose a"
            " smaller q, or other ends."
        )
    return Range(first, last, width)


def _last_multiple(first: Any, last: Any, width: Any) -> Any:
    """Return the largest number up to `last` that is a multiple of `width` above `first`."""
    if all(isinstance(each, int) for each in (first, last, width)):
        return last - (last - first) % width
    # Decimal digits: in binary, 0.3 is not a multiple of 0.1.
    begin, end, step = (Decimal(str(round(each, _DECIMALS))) for each in (first, last, width))
    return float(begin + math.floor((end - begin) / step) * step) or 0.0  # not -0.0


def _real(name: str, value: object) -> float:
    number = plain_scalar(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"The range of {name!r} needs numbers, got {value!r}.")
    if not math.isfinite(number):
        raise ValueError(f"The range of {name!r} needs finite numbers, got {value!r}.")
    return float(number)


def _whole(name: str, value: object) -> int:
    number = _real(name, value)
    if not number.is_integer():
        raise ValueError(f"The range of {name!r} needs whole numbers, got {value!r}.")
    return int(plain_scalar(value))
