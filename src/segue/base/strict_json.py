"""JSON that every program can read: Python's own `Infinity` and `NaN` are not JSON."""

import json
import math
from collections.abc import Mapping
from typing import Any

_FLOAT = "float"
_NOT_FINITE = {str(value): value for value in (math.inf, -math.inf, math.nan)}


def json_number(value: int | float) -> int | float | dict[str, str]:
    """Return a number as JSON can hold it; one that is not finite becomes an object.

    >>> json_number(0.5), json_number(float("inf"))
    (0.5, {'float': 'inf'})
    """
    is_finite = isinstance(value, int) or math.isfinite(value)  # an int may be too large for both
    return value if is_finite else {_FLOAT: str(value)}


def to_json(value: Any, indent: int | None = None) -> str:
    """Return a JSON text of plain values, with each number as `json_number` returns it.

    >>> to_json({"max_grad_norm": float("inf"), "lr": 0.1})
    '{"max_grad_norm": {"float": "inf"}, "lr": 0.1}'
    """
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:  # rare, so that the numbers are not looked at before
        return json.dumps(_writable(value), indent=indent, allow_nan=False)


def restore_numbers(value: Any) -> Any:
    """Return the value that `to_json` has written, from its parsed text.

    >>> restore_numbers({"max_grad_norm": {"float": "inf"}})
    {'max_grad_norm': inf}
    """
    if isinstance(value, list):
        return [restore_numbers(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    named = value.get(_FLOAT)
    if len(value) == 1 and isinstance(named, str) and named in _NOT_FINITE:
        return _NOT_FINITE[named]
    return {name: restore_numbers(entry) for name, entry in value.items()}


def _writable(value: Any) -> Any:
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, Mapping):
        return {name: _writable(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(entry) for entry in value]
    return value
