"""Writes values as Python source that rebuilds them."""

import dataclasses
import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any, ClassVar

from segue.plan.pipelines.settings import NOT_GIVEN, TrainingSettings
from segue.plan.values.builder import Builder

_WIDTH = 100
_INDENT = "    "
_Named = type | FunctionType | BuiltinFunctionType


@dataclass
class Source:
    """Writes values as expressions, and collects the imports that they need.

    Args:
        homes: Modules to import from instead of those that cannot be imported by their own name.
        imports: The names that were used so far, by module.
    """

    homes: Mapping[str, str] = field(default_factory=dict)
    imports: dict[str, set[str]] = field(default_factory=dict)

    def expression(self, value: object, indent: int = 0) -> str:
        """Return an expression for `value`, on several lines if one line is too long.

        The expression starts `indent` levels deep. Raise ValueError for a value that names and
        constants cannot express, such as a lambda.
        """
        return _laid_out(self._node(value), indent, len(_INDENT) * indent)

    def header(self) -> str:
        """Return the import statements for all expressions so far."""
        lines = [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self.imports.items())
        ]
        return "\n".join(lines)

    def _node(self, value: object) -> "_Node | str":
        if value is None or (
            isinstance(value, bool | int | float | str | bytes) and not isinstance(value, Enum)
        ):
            return _constant(value)
        for kind, method in self._KINDS.items():
            if isinstance(value, kind):
                return method(self, value)
        if dataclasses.is_dataclass(value):
            return self._dataclass(value)
        raise ValueError(f"{value!r} cannot be written as Python source.")

    def _named(self, value: _Named) -> str:
        """Return the name of a class or function, and note its import."""
        module = value.__module__
        name = value.__qualname__
        if "<" in name or module == "__main__":
            raise ValueError(
                f"{module}.{name} cannot be imported: define it at the top of a module."
            )
        module = self.homes.get(module) or _public(module, name, value)
        if module != "builtins":
            self.imports.setdefault(module, set()).add(name.partition(".")[0])
        return str(name)

    def _call(self, owner: _Named, arguments: Iterable[tuple[str, object]]) -> "_Node":
        parts = [(f"{name}=" if name else "", self._node(value)) for name, value in arguments]
        return _Node(f"{self._named(owner)}(", parts, ")")

    def _dataclass(self, value: Any) -> "_Node":
        fields = [entry for entry in dataclasses.fields(value) if entry.init]
        changed = [
            entry.name for entry in fields if not _is_default(entry, getattr(value, entry.name))
        ]
        return self._call(type(value), [(name, getattr(value, name)) for name in changed])

    def _settings(self, value: TrainingSettings) -> "_Node":
        parameters = inspect.signature(type(value)).parameters
        is_open = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        names = value._keywords if is_open else parameters
        named = [(name, getattr(value, name)) for name in names]
        defaults = {name: each.default for name, each in parameters.items()}
        return self._call(
            type(value), [(name, it) for name, it in named if it != defaults.get(name, NOT_GIVEN)]
        )

    def _builder(self, value: Builder[object]) -> "_Node":
        default = [("default", value.default)] if value.default else []
        return self._call(Builder, [("", value.class_type), ("", value.kwargs), *default])

    def _partial(self, value: "functools.partial[object]") -> "_Node":
        positional = [("", value.func), *(("", each) for each in value.args)]
        return self._call(functools.partial, [*positional, *value.keywords.items()])

    def _tuple(self, value: tuple[object, ...]) -> "_Node":
        if hasattr(value, "_asdict"):
            defaults = getattr(value, "_field_defaults", {})
            changed = [
                (name, it)
                for name, it in value._asdict().items()
                if name not in defaults or it != defaults[name]
            ]
            return self._call(type(value), changed)
        return _Node(
            "(", [("", self._node(each)) for each in value], ",)" if len(value) == 1 else ")"
        )

    def _list(self, value: list[object]) -> "_Node":
        return _Node("[", [("", self._node(each)) for each in value], "]")

    def _mapping(self, value: Mapping[object, object]) -> "_Node":
        return _Node(
            "{", [(f"{_constant(key)}: ", self._node(each)) for key, each in value.items()], "}"
        )

    def _enum(self, value: Enum) -> str:
        return f"{self._named(type(value))}.{value.name}"

    _KINDS: ClassVar[Mapping[type, Callable[["Source", Any], "_Node | str"]]] = {
        Enum: _enum,
        Builder: _builder,
        TrainingSettings: _settings,
        functools.partial: _partial,
        tuple: _tuple,
        list: _list,
        Mapping: _mapping,
        type: _named,
        FunctionType: _named,
        BuiltinFunctionType: _named,
    }


@dataclass(frozen=True)
class _Node:
    """An expression in brackets; each part follows its label."""

    open: str
    parts: list[tuple[str, "_Node | str"]]
    close: str

    def on_one_line(self) -> str:
        """Return the whole expression on one line."""
        inside = ", ".join(
            label + (part if isinstance(part, str) else part.on_one_line())
            for label, part in self.parts
        )
        return f"{self.open}{inside}{self.close}"


def _laid_out(node: _Node | str, indent: int, column: int) -> str:
    line = node if isinstance(node, str) else node.on_one_line()
    if isinstance(node, str) or not node.parts or column + len(line) <= _WIDTH:
        return line
    deeper = _INDENT * (indent + 1)
    parts = [
        f"{deeper}{label}{_laid_out(part, indent + 1, len(deeper) + len(label) + 1)},\n"
        for label, part in node.parts
    ]
    return f"{node.open}\n{''.join(parts)}{_INDENT * indent}{node.close.lstrip(',')}"


def _constant(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:_}"
    if not isinstance(value, None | bool | int | float | str | bytes):
        raise ValueError(f"The key {value!r} cannot be written as Python source.")
    return (
        f'"{value}"'
        if isinstance(value, str) and value.isprintable() and not set(value) & set('"\\')
        else repr(value)
    )


def _is_default(entry: "dataclasses.Field[object]", value: object) -> bool:
    if entry.default is not dataclasses.MISSING:
        return type(value) is type(entry.default) and bool(value == entry.default)
    return entry.default_factory is not dataclasses.MISSING and bool(
        value == entry.default_factory()
    )


def _public(module: str, name: str, value: object) -> str:
    """Return the module from which users import a name, if its own module is internal."""
    parts = module.split(".")
    outer = [".".join(parts[:depth]) for depth in range(1, len(parts))]
    return next(
        (each for each in outer if getattr(sys.modules.get(each), name, None) is value), module
    )
