"""Dictionaries merged deeply: in place (`recursive_update`) and into a new one (`merged`)."""

import copy
from collections.abc import Mapping, MutableMapping
from typing import Any


def recursive_update(
    original: MutableMapping[Any, Any], update: Mapping[Any, Any]
) -> MutableMapping[Any, Any]:
    """Merge the entries of `update` into `original`, recursively; return `original`.

    Where only one of the two entries is a dictionary, that of `update` replaces the other.
    `original` never shares a dictionary with `update` afterwards; other values are shared. Raises
    TypeError, before anything changes, when `original` is not a mutable mapping or `update` is not
    a mapping.

    >>> recursive_update({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}, "b": 4})
    {'a': {'x': 1, 'y': 3}, 'b': 4}
    """
    if not isinstance(original, MutableMapping):
        raise TypeError(f"recursive_update changes a dictionary, got {original!r} as the original.")
    if not isinstance(update, Mapping):
        raise TypeError(
            f"recursive_update takes its entries from a dictionary, got {update!r} as the update."
        )
    for key, value in list(update.items()):
        original[key] = _entry(original.get(key), value)
    return original


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new dictionary of all layers, nested dictionaries merged; later layers win."""
    result: dict[str, Any] = {}
    for layer in layers:
        recursive_update(result, layer)
    return result


def detached(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy that shares no mutable state with `mapping`."""
    return copy.deepcopy(dict(mapping))


def _entry(present: object, value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    if isinstance(present, MutableMapping):
        return recursive_update(present, value)
    # A read-only mapping cannot be written to: a dictionary with its entries takes its place.
    return recursive_update(dict(present) if isinstance(present, Mapping) else {}, value)
