"""Domains inside values, from which nothing would be drawn."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeGuard

GRID = "grid_search"


def is_grid(entry: object) -> TypeGuard[dict[str, Sequence[Any]]]:
    """Return whether an entry of a space was made by `tune.grid_search`."""
    return isinstance(entry, dict) and set(entry) == {GRID}


def is_domain(entry: object) -> bool:
    """Return whether an entry of a space is a domain of `ray.tune`."""
    return hasattr(type(entry), "is_valid") and hasattr(type(entry), "sample")


def check_no_domain(where: str, value: object) -> None:
    """Raise ValueError if a value is or contains a domain, a grid or a distribution of Optuna.

    `where` is the start of the sentence.
    """
    found = next(_domains(value, set()), None)
    if found is not None:
        raise ValueError(
            f"{where} contains a domain inside a value ({_name(found)}), where nothing is drawn"
            " from it: give each domain a name of its own, or write the space as a function that"
            " requests one parameter depending on another."
        )


def _domains(value: object, inside: set[int]) -> Iterator[object]:
    if is_domain(value) or is_grid(value) or _is_distribution(value):
        yield value
    elif id(value) not in inside:
        for part in _parts(value):
            yield from _domains(part, inside | {id(value)})


def _is_distribution(value: object) -> bool:
    return type(value).__module__ == "optuna.distributions"


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple | AbstractSet):  # a Builder is a tuple
        yield from value
    elif isinstance(value, functools.partial):
        yield from (*value.args, *value.keywords.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, field.name, None) for field in dataclasses.fields(value))


def _name(domain: object) -> str:
    return GRID if is_grid(domain) else type(domain).__name__
