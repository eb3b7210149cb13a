"""Descriptions of values for JSON, equal for equal values in every process; fingerprints."""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, UnionType
from typing import Any, TypeAlias, TypeVar

from segue.base.files import JsonValue
from segue.base.strict_json import json_number
from segue.plan.values.builder import Builder
from segue.plan.values.code import class_facts, function_facts, is_users

_DIGITS = 16
_Object: TypeAlias = dict[str, JsonValue]
T = TypeVar("T")
R = TypeVar("R")


def describe(value: object) -> JsonValue:
    """Return `value` as JSON can hold it, without addresses, hashes or the order of sets.

    Plain values stay what they are. Builders, dataclasses and other objects become dictionaries
    that name their class; a function becomes its name, with a digest of its code where the user
    wrote it (comments, layout and docstrings do not count; constants of its module that it reads
    do). An object that contains itself is named instead the second time.
    """
    return _Describer().describe(value)


def canonical_json(description: JsonValue) -> str:
    """Return one JSON text for equal descriptions: sorted keys, no blanks, 1.0 written as 1."""
    return json.dumps(
        _plain_numbers(description), sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def fingerprint(value: object) -> str:
    """Return the first 16 hex digits of the SHA-256 of the canonical JSON describing `value`."""
    return hashlib.sha256(canonical_json(describe(value)).encode()).hexdigest()[:_DIGITS]


def type_name(named: object) -> str:
    """Return the module and qualified name of a class or function."""
    module = getattr(named, "__module__", None)
    name = getattr(named, "__qualname__", None)
    return f"{module}.{name}" if module and name else _without_address(repr(named))


class _Describer:
    """Describes one value; it tracks what it is inside of, so that recursive values end."""

    def __init__(self) -> None:
        self._inside: set[int] = set()

    def describe(self, value: object) -> JsonValue:
        if value is None or (isinstance(value, str | bool) and not isinstance(value, Enum)):
            return value
        if isinstance(value, int | float) and not isinstance(value, Enum):
            return _number(value)
        return self._once(value, self._compound)

    def _once(self, value: T, method: Callable[[T], R]) -> "R | _Object":
        if id(value) in self._inside:
            return {"again": _code_name(value if hasattr(value, "__qualname__") else type(value))}
        self._inside.add(id(value))
        try:
            return method(value)
        finally:
            self._inside.discard(id(value))

    def _compound(self, value: object) -> JsonValue:
        for kind, method in self._KINDS.items():
            if isinstance(value, kind):
                return method(self, value)
        if dataclasses.is_dataclass(value):
            return self._object(
                value,
                {
                    field.name: getattr(value, field.name)
                    for field in dataclasses.fields(value)
                    if field.compare  # others distinguish no values
                },
            )
        if callable(getattr(value, "named_parameters", None)):
            # Weights, for example, which may be drawn anew in each process.
            return self._object(value, {"text": _without_address(repr(value))})
        for name in ("to_dict", "tolist"):  # the latter of arrays, tensors and their scalars
            if callable(converted := getattr(value, name, None)):
                return self.describe(converted())
        return self._other(value)

    def _builder(self, value: Builder[object]) -> JsonValue:
        return self._object(
            value.class_type, {"builder": True, "kwargs": value.kwargs, "default": value.default}
        )

    def _mapping(self, value: Mapping[object, object]) -> JsonValue:
        named = {key: entry for key, entry in value.items() if isinstance(key, str)}
        if len(named) == len(value):
            return {key: self.describe(entry) for key, entry in named.items()}
        pairs = [[self.describe(key), self.describe(entry)] for key, entry in value.items()]
        return {"pairs": sorted(pairs, key=canonical_json)}

    def _sequence(self, value: tuple[object, ...] | list[object]) -> JsonValue:
        if hasattr(value, "_fields"):
            return self._object(value, value._asdict())  # type: ignore[union-attr]  # a named tuple
        return [self.describe(entry) for entry in value]

    def _set(self, value: AbstractSet[object]) -> JsonValue:
        return sorted((self.describe(entry) for entry in value), key=canonical_json)

    def _function(self, value: FunctionType) -> _Object:
        if not is_users(value):
            return {"function": type_name(value)}
        # Without the module: a file has one name when it is run, another when it is imported.
        return {
            "function": value.__qualname__,
            "code": _digest(function_facts(value, self.describe)),
        }

    def _method(self, value: MethodType) -> JsonValue:
        return {"method": self.describe(value.__func__), "of": self.describe(value.__self__)}

    def _class(self, value: type) -> _Object:
        if not is_users(value):
            return {"class": type_name(value)}
        return {"class": value.__qualname__, "code": _digest(class_facts(value, self.describe))}

    def _partial(self, value: "functools.partial[object]") -> JsonValue:
        return {
            "partial": self.describe(value.func),
            "args": self.describe(value.args),
            "keywords": self.describe(value.keywords),
        }

    def _object(self, value: object, parts: Mapping[str, object]) -> JsonValue:
        owner = value if isinstance(value, type | FunctionType) else type(value)
        named = self._once(owner, self._owner)
        return named | {name: self.describe(part) for name, part in parts.items()}

    def _owner(self, value: type | FunctionType) -> _Object:
        return self._class(value) if isinstance(value, type) else self._function(value)

    def _other(self, value: object) -> JsonValue:
        text = _without_address(repr(value))
        parts = _attributes(value) or ({} if text.startswith("<") else {"text": text})
        return self._object(value, parts)

    _KINDS: Mapping[type | UnionType, Callable[["_Describer", Any], JsonValue]] = {
        Enum: lambda self, value: {
            "enum": f"{_code_name(type(value))}.{value.name}",
            "value": self.describe(value.value),
        },
        Builder: _builder,
        Mapping: _mapping,
        tuple | list: _sequence,
        AbstractSet: _set,
        type: _class,
        FunctionType: _function,
        BuiltinFunctionType: lambda self, value: {"function": type_name(value)},
        MethodType: _method,
        functools.partial: _partial,
        ModuleType: lambda self, value: {"module": value.__name__},
        PurePath: lambda self, value: str(value),
        bytes: lambda self, value: {"bytes": value.hex()},
    }


def _attributes(value: object) -> dict[str, object]:
    slots = [
        name
        for owner in type(value).__mro__
        for name in getattr(owner, "__slots__", ())
        if hasattr(value, name)
    ]
    return {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})


def _number(value: int | float) -> JsonValue:
    plain = int(value) if isinstance(value, int) else float(value)
    return json_number(plain)


def _plain_numbers(description: JsonValue) -> JsonValue:
    if isinstance(description, dict):
        return {name: _plain_numbers(entry) for name, entry in description.items()}
    if isinstance(description, list):
        return [_plain_numbers(entry) for entry in description]
    if isinstance(description, float) and description.is_integer():
        return int(description)
    return description


def _digest(facts: JsonValue) -> str:
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()[:_DIGITS]


def _code_name(named: object) -> str:
    """Return the name of a class or function, with its module unless it is the user's."""
    if isinstance(named, type | FunctionType) and is_users(named):
        return named.__qualname__
    return type_name(named)


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
