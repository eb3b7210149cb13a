"""The code of functions and classes as facts for JSON, which comments and layout do not change."""

import dataclasses
import dis
import sys
import sysconfig
from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType

from segue.base.files import JsonValue
from segue.plan.values.source import class_form, function_form

_INSTALLED = {"site-packages", "dist-packages"}
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
        return is_users_file(owner.__code__.co_filename)
    return is_users_file(getattr(sys.modules.get(owner.__module__), "__file__", None) or "")


@lru_cache
def is_users_file(file: str) -> bool:
    """Return whether a file is the user's: not one of Python's library or of a package."""
    path = Path(file).resolve()
    return not str(path).startswith(_LIBRARIES) and not set(path.parts) & _INSTALLED


def function_facts(function: FunctionType, describe: _Describe) -> list[JsonValue]:
    """Return a function's source, defaults, closure and the module's names that it reads.

    The source is a form that is equal in each version of Python. Where there is none, as for code
    that was typed into an interpreter, the instructions of this version stand for it.
    """
    code = function.__code__
    form = function_form(code)
    globals_read = {name for name in _global_names(code) if name in function.__globals__}
    return [
        list(_instructions(code, describe)) if form is None else form,
        describe(function.__defaults__),
        describe(function.__kwdefaults__),
        [describe(_content(cell)) for cell in function.__closure__ or ()],
        {name: describe(_as_read(function.__globals__[name])) for name in sorted(globals_read)},
    ]


def class_facts(owner: type, describe: _Describe) -> dict[str, JsonValue]:
    """Return the bases of a class, its methods, its plain constants and its other statements."""
    entries = {name: _underlying(entry) for name, entry in vars(owner).items()}
    facts = {
        name: describe(entry)
        for name, entry in entries.items()
        if _is_written(name, entry) or _is_constant(name, entry)
    }
    members = owner.__members__ if issubclass(owner, Enum) else {}
    values = {f"member {name}": describe(member.value) for name, member in members.items()}
    return {"bases": describe(owner.__bases__), "body": class_form(owner)} | facts | values


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


def _is_written(name: str, entry: object) -> bool:
    # Dataclasses and enumerations generate methods, which follow from the rest.
    if not isinstance(entry, FunctionType) or entry.__code__.co_filename.startswith("<"):
        return False
    return is_users_file(entry.__code__.co_filename) or not _is_special(name)


def _is_constant(name: str, entry: object) -> bool:
    is_plain = isinstance(entry, bool | int | float | str | tuple) and not isinstance(entry, Enum)
    return is_plain and not _is_special(name)


def _is_special(name: str) -> bool:
    return name.startswith("_") and name.endswith("_")


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
