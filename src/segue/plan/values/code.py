"""The code of functions and classes as facts for JSON, which comments and layout do not change."""

import dataclasses
import dis
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType

from segue.base.files import JsonValue

_PLAIN = (bool, int, float, str, bytes, tuple, list, dict, set, frozenset, ModuleType)
_Describe = Callable[[object], JsonValue]
_LIBRARIES = tuple(
    str(Path(sysconfig.get_path(kind)).resolve())
    for kind in ("stdlib", "platstdlib", "purelib", "platlib")
)


def is_users(owner: FunctionType | type) -> bool:
    """Return whether a function or class is the user's: not part of Python, a package, or Segue."""
    package = (owner.__module__ or "").split(".")[0]
    if package == "segue" or package in sys.stdlib_module_names:
        return False
    if isinstance(owner, FunctionType):
        return not _in_library(owner.__code__.co_filename)
    return not _in_library(getattr(sys.modules.get(owner.__module__), "__file__", None) or "")


def function_facts(function: FunctionType, describe: _Describe) -> list[JsonValue]:
    """Return a function's instructions, defaults, closure and the module's names that it reads."""
    code = function.__code__
    globals_read = {name for name in _global_names(code) if name in function.__globals__}
    return [
        list(_instructions(code, describe)),
        describe(function.__defaults__),
        describe(function.__kwdefaults__),
        [describe(_content(cell)) for cell in function.__closure__ or ()],
        {name: describe(_as_read(function.__globals__[name])) for name in sorted(globals_read)},
    ]


def class_facts(owner: type, describe: _Describe) -> dict[str, JsonValue]:
    """Return the bases of a class, the methods written in it, and its plain constants, by name."""
    entries = {name: _underlying(entry) for name, entry in vars(owner).items()}
    facts = {
        name: describe(entry)
        for name, entry in entries.items()
        if _is_written(entry) or _is_constant(name, entry)
    }
    return {"bases": describe(owner.__bases__)} | facts


@lru_cache
def _in_library(filename: str) -> bool:
    return str(Path(filename).resolve()).startswith(_LIBRARIES)


def _instructions(code: CodeType, describe: _Describe) -> Iterator[JsonValue]:
    # Arguments are described as names and constants: positions in tables change with docstrings.
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        if isinstance(value, CodeType):
            yield [instruction.opname, list(_instructions(value, describe))]
        else:
            yield [instruction.opname, describe(value)]


def _global_names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
        elif isinstance(instruction.argval, CodeType):
            yield from _global_names(instruction.argval)


def _content(cell: CellType) -> object:
    try:
        content: object = cell.cell_contents
        return content
    except ValueError:  # a name that is not bound yet
        return None


def _underlying(entry: object) -> object:
    if isinstance(entry, property):
        return entry.fget
    return getattr(entry, "__func__", entry)


def _is_written(entry: object) -> bool:
    # Dataclasses generate methods; they follow from the fields.
    return isinstance(entry, FunctionType) and not entry.__code__.co_filename.startswith("<")


def _is_constant(name: str, entry: object) -> bool:
    return not name.startswith("__") and isinstance(entry, bool | int | float | str | tuple)


def _as_read(value: object) -> object:
    """Return a value that a function reads from its module as it is, or only its class.

    Only the class counts for objects with changing state, such as loggers.
    """
    is_value = (
        value is None
        or isinstance(value, _PLAIN)
        or dataclasses.is_dataclass(value)
        or callable(value)
    )
    return value if is_value else type(value)
