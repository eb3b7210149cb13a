"""The values of a choice or a grid, and what a study records of them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from segue.plan.values.describe import canonical_json, describe

_SCALARS = (bool, int, float, str, type(None))
_LABEL_LENGTH = 60


@dataclass(frozen=True)
class Choices:
    """The values of which one is proposed.

    A study records the values themselves where it can hold and distinguish them. Otherwise (lists,
    functions, classes, equal values such as 1 and True) it records labels "index: description".
    """

    values: tuple[Any, ...]

    @classmethod
    def of(cls, name: str, values: Iterable[Any]) -> "Choices":
        """Return the choices of a parameter.

        Raise ValueError, naming it, if there are none, or two equal ones; 1 and 1.0 are two.
        """
        listed = tuple(plain_scalar(value) for value in values)
        if not listed:
            raise ValueError(f"The choice of {name!r} has no values: list at least one.")
        for index, value in enumerate(listed):
            if any(_is_repeated(value, earlier) for earlier in listed[:index]):
                raise ValueError(
                    f"The choice of {name!r} lists {value!r} twice: list each value once."
                )
        return cls(listed)

    @cached_property
    def labels(self) -> tuple[Any, ...]:
        """What a study records of each value."""
        plain = [type(value) in _SCALARS and value == value for value in self.values]
        if all(plain) and len(set(self.values)) == len(self.values):
            return self.values
        return tuple(f"{index}: {_short(value)}" for index, value in enumerate(self.values))

    @property
    def ends(self) -> list[Any]:
        """All values: a choice has no order in which the middle lies between the ends."""
        return list(self.values)

    def recorded(self, name: str, value: object) -> Any:
        """Return the label of a value; raise ValueError, naming the parameter, if it has none."""
        value = plain_scalar(value)
        # By identity before equality: 1 and True are equal, and so may be two functions' results.
        for index, known in enumerate(self.values):
            if known is value:
                return self.labels[index]
        for index, known in enumerate(self.values):
            if is_same(known, value):
                return self.labels[index]
        raise ValueError(f"The value {value!r} of {name!r} is not in the space: {self}.")

    def proposed(self, label: object) -> Any:
        """Return the value of a label; raise KeyError for an unknown one."""
        for known, value in zip(self.labels, self.values, strict=True):
            if type(known) is type(label) and known == label:
                return value
        raise KeyError(label)

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.labels))}"


def plain_scalar(value: Any) -> Any:
    """Return a numpy scalar as the Python scalar that it holds, and anything else as it is."""
    is_numpy = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return value.item() if is_numpy else value


def is_same(one: object, other: object) -> bool:
    """Return whether two values are equal, or described equally where they cannot be compared."""
    try:
        return bool(one == other)
    except Exception:  # arrays, for example, compare by element
        return canonical_json(describe(one)) == canonical_json(describe(other))


def _is_repeated(one: object, other: object) -> bool:
    return is_same(one, other) and json.dumps(describe(one)) == json.dumps(describe(other))


def _short(value: object) -> str:
    # The description, not repr: labels must be the same in every process, and repr may hold an
    # address.
    text = json.dumps(describe(value))
    return text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 3] + "..."
